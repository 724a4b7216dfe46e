using EdgeProxy.Resilience;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Xunit;

namespace EdgeProxy.Tests.Resilience;

/// <summary>An upload outlives its request on the connection that carried it; what the request held must not.</summary>
public sealed class UploadTests
{
    [Fact]
    public async Task An_upload_lets_go_of_its_request_when_the_answer_has_ended()
    {
        var context = new DefaultHttpContext();
        var response = new Ending();
        context.Features.Set<IHttpResponseFeature>(response);
        context.Request.Body = new MemoryStream([1, 2, 3]);
        using var request = new CancellationTokenSource();
        Upload.Begin(context, TimeProvider.System, request.Token);
        var upload = (Upload)context.Request.Body;

        await response.EndAsync();

        await request.CancelAsync();
        Assert.False(upload.Ended.IsCancellationRequested);
        Assert.Equal(0, await upload.ReadAsync(new byte[3], CancellationToken.None));
        upload.EndEarly(); // a late answer on its connection harms nobody
    }

    private sealed class Ending : HttpResponseFeature
    {
        private readonly Stack<(Func<object, Task> Callback, object State)> _callbacks = new();

        public override void OnCompleted(Func<object, Task> callback, object state) => _callbacks.Push((callback, state));

        public async Task EndAsync()
        {
            foreach (var (callback, state) in _callbacks)
            {
                await callback(state);
            }
        }
    }
}
