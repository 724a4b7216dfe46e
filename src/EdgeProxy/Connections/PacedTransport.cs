using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Microsoft.AspNetCore.Connections;

namespace EdgeProxy.Connections;

/// <summary>What is read from and written to a client, passed through unchanged; that there will be no more waits a turn, once.</summary>
internal sealed class PacedTransport(IDuplexPipe inner, Endings endings) : IDuplexPipe
{
    public PipeReader Input { get; } = new PacedInput(inner.Input, endings);

    public PipeWriter Output { get; } = new PacedOutput(inner.Output, endings);

    private static bool IsEnd(Exception exception) => exception is IOException or ConnectionAbortedException;

    private sealed class PacedInput(PipeReader inner, Endings endings) : PassingReader(inner)
    {
        private bool _hasEnded;

        protected override ValueTask<ReadResult> PassAsync(ReadResult read) =>
            (read.IsCompleted && !_hasEnded) || read.IsCanceled ? PassEndAsync(read) : new(read);

        protected override async ValueTask<ReadResult> FailAsync(Exception error)
        {
            if (!_hasEnded && IsEnd(error))
            {
                await EndAsync(isForGood: true);
            }

            ExceptionDispatchInfo.Throw(error);
            return default;
        }

        private async ValueTask<ReadResult> PassEndAsync(ReadResult read)
        {
            await EndAsync(read.IsCompleted);
            return read;
        }

        private Task EndAsync(bool isForGood)
        {
            _hasEnded = isForGood;
            return endings.WaitAsync();
        }
    }

    private sealed class PacedOutput(PipeWriter inner, Endings endings) : PipeWriter
    {
        public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

        public override long UnflushedBytes => inner.UnflushedBytes;

        public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);

        public override void Advance(int bytes) => inner.Advance(bytes);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            var flushing = inner.FlushAsync(cancellationToken);
            return flushing.IsCompleted ? flushing : WaitAsync(flushing);
        }

        public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
        {
            var writing = inner.WriteAsync(source, cancellationToken);
            return writing.IsCompleted ? writing : WaitAsync(writing);
        }

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);

        /// <summary>The client was waited for.</summary>
        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        private async ValueTask<FlushResult> WaitAsync(ValueTask<FlushResult> flushing)
        {
            try
            {
                var flushed = await flushing;
                if (flushed.IsCompleted || flushed.IsCanceled)
                {
                    await endings.WaitAsync();
                }

                return flushed;
            }
            catch (Exception exception) when (IsEnd(exception))
            {
                await endings.WaitAsync();
                throw;
            }
        }
    }
}
