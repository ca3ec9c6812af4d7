package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Goal: sessions are a partition's own, also if two have the same id. Method: writes in two partitions whose servers
// give the same ids; one session expires.
func TestSessionsOfPartitionsAreApart(t *testing.T) {
	s := shardScript(t, 3, 3, nil)
	a, b := s.putIn(3, 1), s.putIn(3, 2)
	require.Equal(t, []uint64{100, 1, 100, 1}, []uint64{a.Request.Session, a.Request.Seq, b.Request.Session, b.Request.Seq})
	s.code(a, kvpb.Code_OUTCOME_UNKNOWN)
	s.submit(Op{Kind: Put, Key: keyIn(3, 1, 1)})
	s.code(s.next(), kvpb.Code_SESSION_UNKNOWN)
	s.ended(Unknown, ReasonSessionLost)
	require.Zero(t, s.c.SessionOf(1))
	require.Equal(t, uint64(100), s.c.SessionOf(2))
	s.open(200)
	require.Equal(t, []uint64{200, 1}, []uint64{s.sent[0].Request.Session, s.sent[0].Request.Seq})
	s.ok(s.next())
	s.ok(b)
	again := s.putIn(3, 2)
	require.Equal(t, []uint64{100, 2, 1}, []uint64{again.Request.Session, again.Request.Seq, again.Request.Acked})
	require.Zero(t, s.c.SessionOf(3), "CORE-15: nothing was written there")
}

// Goal: leaders are a partition's own: what one endpoint says of one partition says nothing of another.
// Method: a refusal and an answer in turn.
func TestLeadersOfPartitionsAreApart(t *testing.T) {
	s := shardScript(t, 2, 4, nil) // partitions 1 and 3 are led by a, 2 and 4 by b
	s.submit(Op{Kind: Get, Key: keyIn(4, 1, 0)})
	s.answer(s.next(), &kvpb.Response{Code: kvpb.Code_NOT_LEADER, LeaderAddress: "b"})
	require.Equal(t, 1, s.next().Endpoint)
	require.Equal(t, []int{1, 1, 0, 1}, []int{s.c.LeaderOf(1), s.c.LeaderOf(2), s.c.LeaderOf(3), s.c.LeaderOf(4)})
	s.c.Disconnected(s.now, 1, nil)
	require.Equal(t, []int{-1, -1, 0, -1}, []int{s.c.LeaderOf(1), s.c.LeaderOf(2), s.c.LeaderOf(3), s.c.LeaderOf(4)})
	require.Equal(t, -1, s.c.LeaderOf(9))
	require.Zero(t, s.c.SessionOf(0))
	require.Equal(t, -1, s.c.Leader(), "there is no such thing")
}

// Goal: CORE-12, whom an operation goes to: who answered as leader, else a refusal's hint, else the table's, else the
// replicas in turn, else anybody. Method: take these away one by one.
func TestWhoIsAskedFirst(t *testing.T) {
	get := Op{Kind: Get, Key: keyIn(4, 1, 0)}
	s := askScript(t, 4, nil)
	s.submit(get)
	s.answerTable(s.next(), tableOf(1, 4, 4)) // partition 1 is on a and b, a leads
	first := s.next()
	require.Equal(t, 0, first.Endpoint, "the table says so")
	s.answer(first, &kvpb.Response{Code: kvpb.Code_NOT_LEADER, LeaderAddress: "d"})
	hinted := s.next()
	require.Equal(t, 3, hinted.Endpoint, "the refusal says so, and is newer")
	s.c.needTable(s.now)
	s.take()
	s.answerTable(s.next(), tableOf(2, 4, 4))
	require.Equal(t, 3, s.c.LeaderOf(1), "a hint is newer than the table")
	s.answer(hinted, found())
	s.submit(get)
	wrong := s.next()
	s.submit(get)
	s.answer(s.next(), &kvpb.Response{Code: kvpb.Code_NOT_LEADER, LeaderAddress: "c"})
	require.Equal(t, 2, s.c.LeaderOf(1))
	s.answer(wrong, found())
	require.Equal(t, 3, s.c.LeaderOf(1), "it did answer as leader")

	s = askScript(t, 4, nil)
	s.submit(get)
	table := tableOf(1, 4, 4)
	table.Places[0].Leader = 0
	s.answerTable(s.next(), table)
	seen := map[int]int{}
	for range 6 {
		s.submit(get)
	}
	for len(s.sent) > 0 {
		seen[s.next().Endpoint]++
	}
	require.Len(t, seen, 2)
	require.InDelta(t, 3, seen[0], 1)
	require.InDelta(t, 3, seen[1], 1)
	s.c.Disconnected(s.now, 0, nil)
	s.c.Disconnected(s.now, 1, nil)
	s.take()
	s.sent = nil
	s.submit(get)
	require.GreaterOrEqual(t, s.next().Endpoint, 2, "better than nobody: it may know more")
}

// Goal: WRONG_PARTITION sends an operation elsewhere at once, and has the table checked. Method: a partition that moved.
func TestWrongPartitionIsLookedForElsewhere(t *testing.T) {
	s := shardScript(t, 4, 4, nil)
	s.wait(time.Minute)
	s.submit(Op{Kind: Get, Key: keyIn(4, 2, 0)})
	first := s.next()
	s.refuse(first, kvpb.Code_WRONG_PARTITION, 3)
	second, ask := s.next(), s.next()
	require.Equal(t, 2, second.Endpoint, "the other replica, without a pause")
	require.Equal(t, kvpb.RequestKind_TABLE, ask.Request.Kind)
	moved := tableOf(3, 4, 4)
	moved.Places[1].Replicas, moved.Places[1].Leader = []uint64{4}, 4
	s.answerTable(ask, moved)
	s.refuse(second, kvpb.Code_WRONG_PARTITION, 3)
	third := s.next()
	require.Equal(t, 3, third.Endpoint)
	s.answer(third, found())
	require.Equal(t, OK, s.completion().Outcome)
	require.Equal(t, 3, s.c.LeaderOf(2))
}

// Goal: CORE-10, follower and stale reads go round the replicas of the partition and nobody else; one that refused is
// left out for that partition only. Method: many reads.
func TestReadsAnywhereGoRoundTheReplicas(t *testing.T) {
	for _, stale := range []bool{false, true} {
		s := shardScript(t, 5, 5, nil)
		read := func(partition int) Send {
			s.submit(Op{Kind: Get, Key: keyIn(5, partition, 0), Stale: stale, Follower: !stale})
			return s.next()
		}
		seen := map[int]int{}
		for range 10 {
			sent := read(2)
			seen[sent.Endpoint]++
			s.answer(sent, found())
		}
		require.Equal(t, map[int]int{1: 5, 2: 5}, seen)
		refused := read(2)
		s.code(refused, kvpb.Code_UNAVAILABLE)
		s.next()
		for range 4 {
			require.NotEqual(t, refused.Endpoint, read(2).Endpoint)
		}
		seen = map[int]int{}
		for range 4 {
			other := map[int]int{1: 1, 2: 3}[refused.Endpoint] // another partition that is there
			seen[read(other).Endpoint]++
		}
		require.Equal(t, 2, seen[refused.Endpoint])
	}
}

// Goal: CORE-15, keep-alives of partitions come at different times, all before the interval is over; a session without
// writes for some of them is closed and not kept any more. Method: sessions in eight partitions, and time.
func TestIdleSessionsAreClosed(t *testing.T) {
	const partitions = 8
	s := shardScript(t, 2, partitions, func(c *Config) { c.KeepAlive = 10 * time.Second })
	for p := 1; p <= partitions; p++ {
		s.ok(s.putIn(partitions, p))
	}
	busy := s.putIn(partitions, 3) // an open number: this session must live
	begin := s.now
	kept, closed, times := map[uint64]int{}, map[uint64]int{}, map[time.Duration]bool{}
	for s.now.Sub(begin) < 2*time.Minute {
		s.wait(max(s.c.Deadline().Sub(s.now), 1))
		for len(s.sent) > 0 {
			sent := s.next()
			switch sent.Request.Kind {
			case kvpb.RequestKind_KEEP_ALIVE:
				kept[sent.Request.Partition]++
				if kept[sent.Request.Partition] == 1 {
					times[s.now.Sub(begin)] = true
				}
				s.code(sent, kvpb.Code_OK)
			case kvpb.RequestKind_CLOSE_SESSION:
				require.Equal(t, uint64(100), sent.Request.Session)
				closed[sent.Request.Partition]++
			case kvpb.RequestKind_TABLE:
				s.answerTable(sent, tableOf(1, 2, partitions))
			default:
				s.code(sent, kvpb.Code_OUTCOME_UNKNOWN)
			}
		}
	}
	require.Len(t, times, partitions)
	for at := range times {
		require.LessOrEqual(t, at, 10*time.Second)
		require.Greater(t, at, 7*time.Second)
	}
	for p := uint64(1); p <= partitions; p++ {
		if p == busy.Request.Partition {
			require.Greater(t, kept[p], 2*idleKeepAlives)
			require.Zero(t, closed[p])
			continue
		}
		require.Equal(t, idleKeepAlives, kept[p])
		require.Equal(t, 1, closed[p])
		require.Zero(t, s.c.SessionOf(int(p)))
	}
	s.sent = nil
	fresh := s.putIn(partitions, 1)
	require.Equal(t, []uint64{1, 0}, []uint64{fresh.Request.Seq, fresh.Request.Acked})
}

// Goal: CORE-11, a batch over several partitions is refused with what to do instead, before anything is sent; one
// within a partition is sent. Method: both.
func TestBatchIsOfOnePartition(t *testing.T) {
	s := shardScript(t, 3, 3, nil)
	s.submit(Op{Kind: Batch, Items: []Item{{Kind: Get, Key: keyIn(3, 1, 0)}, {Kind: Put, Key: keyIn(3, 2, 0)}}})
	require.Contains(t, s.done[0].Err.Message, "items 0 and 1 are of different partitions (1 and 2)")
	require.Contains(t, s.done[0].Err.Message, "use a multi-get or multi-put")
	s.ended(Failed, ReasonInvalid)
	s.idle()
	s.submit(Op{Kind: Batch, Items: []Item{{Kind: Get, Key: keyIn(3, 2, 0)}, {Kind: Get, Key: keyIn(3, 2, 1)}}})
	require.Len(t, s.next().Request.Ops, 2)
}

// Goal: CORE-8, MaxOutstanding counts the operations of all partitions, and a window those of one. Method: more
// operations than either admits.
func TestBoundsOfAShardedCluster(t *testing.T) {
	s := shardScript(t, 3, 3, func(c *Config) { c.MaxOutstanding, c.MaxQueued, c.SessionWindow = 3, 1, 1 })
	s.putIn(3, 1)
	s.submit(Op{Kind: Put, Key: keyIn(3, 1, 1)})
	s.idle() // no room in that window
	other := s.putIn(3, 2)
	s.submit(Op{Kind: Get, Key: keyIn(3, 3, 0)})
	s.submit(Op{Kind: Get, Key: keyIn(3, 3, 0)})
	s.ended(Failed, ReasonOverloaded)
	s.idle()
	s.ok(other)
	require.Equal(t, uint64(3), s.next().Request.Partition)
}

// Goal: CORE-1, what the core does for itself never becomes a completion, however senseless the answer to it is. Method:
// each code in answer to the opening of a session, then a good answer.
func TestOwnRequestsNeverComplete(t *testing.T) {
	for code := range kvpb.Code(14) {
		s := newScript(t, 2, nil)
		s.put()
		open := s.next()
		if code == kvpb.Code_OK || code == kvpb.Code_CONDITION_FAILED || code == kvpb.Code_INVALID {
			continue // these end the write that waits, with an error or a session
		}
		s.code(open, code)
		require.Empty(t, s.done)
		again, _ := s.until(time.Second)
		require.Equal(t, kvpb.RequestKind_OPEN_SESSION, again.Request.Kind)
		s.answer(again, &kvpb.Response{Code: kvpb.Code_OK, Session: 100})
		s.ok(s.next())
	}
}
