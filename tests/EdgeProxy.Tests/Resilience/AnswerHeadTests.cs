using System.Text;
using EdgeProxy.Resilience;
using Xunit;

namespace EdgeProxy.Tests.Resilience;

public sealed class AnswerHeadTests
{
    [Theory]
    [InlineData("HTTP/1.1 413 Too Large\r\nA: b\r\n\r\n", 413)]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 No\r\n", 401)]
    [InlineData("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 0)]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\n", 101)]
    [InlineData("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n", 101)]
    [InlineData("HTTP/1.1 103 Early Hints\r\nLink: x\r\n", 0)]
    [InlineData("HTTP/1.1 413 Too", 0)]
    [InlineData("HTTP/1.", 0)]
    [InlineData("nonsense that is long enough\r\n\r\n", 0)]
    public void The_status_is_that_of_the_first_final_answer(string bytes, int status) =>
        Assert.Equal(status, AnswerHead.FinalStatus(Encoding.Latin1.GetBytes(bytes), out _));

    [Fact]
    public void The_mark_stands_behind_the_status_line_of_the_final_answer()
    {
        var buffer = new byte[256];
        var count = Encoding.Latin1.GetBytes("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 No\r\nA: b\r\n\r\nbody", buffer);
        AnswerHead.FinalStatus(buffer.AsSpan(0, count), out var fields);
        count = AnswerHead.MarkClosing(buffer, count, fields);
        Assert.Equal(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 No\r\nConnection: close\r\nA: b\r\n\r\nbody",
            Encoding.Latin1.GetString(buffer, 0, count));
    }
}
