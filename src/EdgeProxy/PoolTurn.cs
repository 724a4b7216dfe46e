using System.Runtime.CompilerServices;

namespace EdgeProxy;

/// <summary>
/// To be awaited: goes on when the thread pool has taken up all that waits for it now. Who makes new work, and does so after such a
/// turn, makes no more of it than the pool gets done: work that has begun does not wait behind it.
/// </summary>
internal readonly struct PoolTurn : ICriticalNotifyCompletion
{
    public bool IsCompleted => false;

    public PoolTurn GetAwaiter() => this;

    public void GetResult()
    {
    }

    public void OnCompleted(Action continuation) =>
        ThreadPool.QueueUserWorkItem(static action => action(), continuation, preferLocal: false);

    public void UnsafeOnCompleted(Action continuation) =>
        ThreadPool.UnsafeQueueUserWorkItem(static action => action(), continuation, preferLocal: false);
}
