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
    [InlineData("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 403 No\r\n", 403)]
    [InlineData("HTTP/1.1 103 Hints\nLink: x\n\nHTTP/1.1 403 No\n", 403)]
    [InlineData("nonsense that is long enough\r\n\r\n", AnswerHead.None)]
    [InlineData("HTTP/1.1 2x0 OK\r\n", AnswerHead.None)]
    public void The_status_is_that_of_the_first_final_answer_in_whatever_pieces(string bytes, int status)
    {
        for (var piece = 1; piece <= bytes.Length; piece++)
        {
            var head = default(AnswerHead);
            var read = Encoding.Latin1.GetBytes(bytes).Chunk(piece)
                .Select(part => head.Read(part, out _)).FirstOrDefault(seen => seen != 0);
            Assert.Equal(status, read);
        }
    }

    [Fact]
    public void The_mark_stands_behind_the_status_line_of_the_final_answer()
    {
        var buffer = new byte[256];
        var count = Encoding.Latin1.GetBytes("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 No\r\nA: b\r\n\r\nbody", buffer);
        default(AnswerHead).Read(buffer.AsSpan(0, count), out var fields);
        count = AnswerHead.MarkClosing(buffer, count, fields);
        Assert.Equal(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 No\r\nConnection: close\r\nA: b\r\n\r\nbody",
            Encoding.Latin1.GetString(buffer, 0, count));
    }
}
