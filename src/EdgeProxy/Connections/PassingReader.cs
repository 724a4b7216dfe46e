using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace EdgeProxy.Connections;

/// <summary>
/// A connection's input, passed through with a look at each read. One object serves all reads of its connection, so that a read that waits
/// for the client allocates nothing. A pipe has one reader, which reads one at a time.
/// </summary>
internal abstract class PassingReader : PipeReader, IValueTaskSource<ReadResult>
{
    private readonly Action _onRead;
    private ValueTask<ReadResult> _reading;
    private ManualResetValueTaskSourceCore<ReadResult> _passed;

    protected PassingReader(PipeReader inner)
    {
        Inner = inner;
        _onRead = OnRead;
    }

    protected PipeReader Inner { get; }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var reading = Inner.ReadAsync(cancellationToken);
        if (reading.IsCompleted)
        {
            return Take(reading);
        }

        _passed.Reset();
        _reading = reading;
        reading.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(_onRead);
        return new(this, _passed.Version);
    }

    public override bool TryRead(out ReadResult result) => Inner.TryRead(out result);

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => Inner.AdvanceTo(consumed, examined);

    public override void CancelPendingRead() => Inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => Inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => Inner.CompleteAsync(exception);

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token) => _passed.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _passed.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _passed.OnCompleted(continuation, state, token, flags);

    /// <summary>What the reader gets for a read.</summary>
    protected abstract ValueTask<ReadResult> PassAsync(ReadResult read);

    /// <summary>What the reader gets for a read that failed: its error.</summary>
    protected virtual ValueTask<ReadResult> FailAsync(Exception error) => ValueTask.FromException<ReadResult>(error);

    /// <summary>Throws nothing. A read of a pipe that says it has succeeded may throw all the same.</summary>
    private ValueTask<ReadResult> Take(ValueTask<ReadResult> reading)
    {
        try
        {
            return PassAsync(reading.GetAwaiter().GetResult());
        }
        catch (Exception exception)
        {
            return FailAsync(exception);
        }
    }

    private void OnRead()
    {
        var passing = Take(_reading);
        if (passing.IsCompletedSuccessfully)
        {
            _passed.SetResult(passing.Result);
        }
        else
        {
            _ = FinishAsync(passing);
        }
    }

    private async Task FinishAsync(ValueTask<ReadResult> passing)
    {
        ReadResult read;
        try
        {
            read = await passing;
        }
        catch (Exception exception)
        {
            _passed.SetException(exception);
            return;
        }

        _passed.SetResult(read);
    }
}
