using EdgeProxy.Configuration;
using EdgeProxy.Documents;
using Xunit;

namespace EdgeProxy.IntegrationTests.Configuration;

/// <summary>What lies in the folder by mistake costs no memory: bounds are looked at before anything is read.</summary>
public sealed class FileBoundsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("edgeproxy-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(DocumentReader.BytesMax + 1L)]
    [InlineData(3L << 30)]
    public void A_file_that_is_too_large_is_not_read(long length)
    {
        var file = Path.Combine(_folder, "large.json");
        using (var sparse = File.Create(file))
        {
            sparse.SetLength(length);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        var fault = Assert.Single(ConfigurationReader.Read(_folder, TimeProvider.System).Faults);
        Assert.Equal(("file_too_large", file), (fault.Code, fault.File));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void A_file_that_does_not_tell_its_length_is_read_up_to_the_bound()
    {
        var fault = Assert.Single(ConfigurationReader.Read("/dev/zero", TimeProvider.System, takesPipe: true).Faults);
        Assert.Equal("file_too_large", fault.Code);
    }

    [Theory]
    [InlineData(1000, "empty_file")]
    [InlineData(1001, "too_many_files")]
    public void A_folder_of_too_many_files_is_not_read(int count, string code)
    {
        for (var i = 0; i < count; i++)
        {
            File.WriteAllBytes(Path.Combine(_folder, $"{i}.json"), []);
        }

        Assert.Equal(code, ConfigurationReader.Read(_folder, TimeProvider.System).Faults.Select(fault => fault.Code).Distinct().Single());
    }
}
