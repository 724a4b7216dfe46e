namespace EdgeProxy.RateLimiting;

/// <summary>The requests that wait at a <see cref="LeaseHolder"/>, first come, first served. Under the lock of its stripe.</summary>
internal static class LeaseWaiters
{
    /// <summary>
    /// What those at the front cost together, and one of them: the store gives in steps, so that only equal ones are asked for at a time.
    /// </summary>
    public static (long Need, long First) Gather(LeaseHolder holder)
    {
        while (holder.Waiters.TryPeek(out var gone) && gone.IsSettled)
        {
            holder.Waiters.Dequeue();
        }

        var (need, first) = (0L, 0L);
        holder.Asked = 0;
        foreach (var waiter in holder.Waiters)
        {
            first = first == 0 ? waiter.Cost : first;
            if (waiter.Cost != first)
            {
                break;
            }

            need += first;
            holder.Asked++;
        }

        return (need, first);
    }

    /// <summary>The store did not answer: all go on without it.</summary>
    public static void Abandon(LeaseHolder holder, List<LeaseWaiter>? decided)
    {
        while (holder.Waiters.TryDequeue(out var waiter))
        {
            if (waiter.TryDecide(LeaseAnswer.Unknown, default, DecisionSource.Store))
            {
                decided!.Add(waiter);
            }
        }
    }

    /// <summary>Shares out an answer: what was got to those it was asked for, what was granted to those who came since.</summary>
    public static void Settle(LeaseHolder holder, ref LeaseSlot slot, in LeaseReply reply, long now, List<LeaseWaiter>? decided)
    {
        var got = reply.Got;
        var levels = holder.Ask.Limits.Plus(reply.Levels, reply.Granted + slot.UnspentAt(now));
        for (; holder.Asked > 0; holder.Asked--)
        {
            var waiter = holder.Waiters.Dequeue();
            var admits = waiter.Cost <= got;
            if (waiter.TryDecide(admits ? LeaseAnswer.Admitted : LeaseAnswer.Refused, levels, DecisionSource.Store))
            {
                decided!.Add(waiter);
            }
            else if (admits)
            {
                // It had stopped waiting, and went on, or is about to, as a debt: paid now. If it was refused, nobody has spent this.
                var (owed, back) = waiter.Pay();
                var rest = holder.Debt - owed;
                holder.Debt = Math.Max(0, rest);
                holder.Add(Math.Min(0, rest) - back); // what was owed may have been settled or forgiven meanwhile
            }

            got -= admits ? waiter.Cost : 0;
        }

        if (slot.Print != holder.Ask.Limits.Print)
        {
            holder.Returning += reply.Granted;
            return;
        }

        var granted = reply.Granted;
        while (holder.Waiters.TryPeek(out var waiter) && (waiter.IsSettled || waiter.Cost <= granted))
        {
            holder.Waiters.Dequeue();
            if (waiter.TryDecide(LeaseAnswer.Admitted, levels, DecisionSource.Lease))
            {
                granted -= waiter.Cost;
                decided!.Add(waiter);
            }
        }

        LeaseSlot.Grant(ref slot, granted, reply.Outstanding);
        Refuse(holder, ref slot, now, decided);
    }

    private static void Refuse(LeaseHolder holder, ref LeaseSlot slot, long now, List<LeaseWaiter>? decided)
    {
        while (holder.Waiters.TryPeek(out var waiter))
        {
            var lacks = slot.Lacks(holder.Limits, waiter.Cost, now, out var levels);
            if (!waiter.IsSettled && !lacks && now >= slot.AskFrom)
            {
                return; // asked for next
            }

            holder.Waiters.Dequeue();
            levels = lacks ? levels : LeaseTerms.Short(holder.Limits, levels, waiter.Cost, slot.AskFrom - now);
            if (waiter.TryDecide(LeaseAnswer.Refused, levels, DecisionSource.DenyCache))
            {
                decided!.Add(waiter);
            }
        }
    }
}
