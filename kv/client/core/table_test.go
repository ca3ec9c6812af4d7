package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// Goal: CORE-12, nothing but the question for the table is sent before the first table is known, and one question is
// enough for all that waits. Method: operations of all kinds, then a table.
func TestNothingIsSentBeforeTheTableIsKnown(t *testing.T) {
	s := askScript(t, 3, nil)
	s.idle()
	require.Equal(t, env.Never, s.c.Deadline(), "an idle client asks for nothing")
	key := keyIn(4, 2, 0)
	s.submit(Op{Kind: Get, Key: key})
	s.submit(Op{Kind: Put, Key: key, NoSession: true})
	s.submit(Op{Kind: MultiGet, Items: []Item{{Kind: Get, Key: keyIn(4, 3, 0)}, {Kind: Get, Key: key}}})
	s.submit(Op{Kind: Scan, Stale: true})
	s.submit(Op{Kind: Get, Key: key, Stale: true})
	ask := s.next()
	s.idle()
	s.answerTable(ask, tableOf(1, 3, 4))
	var partitions []uint64
	for len(s.sent) > 0 {
		sent := s.next()
		partitions = append(partitions, sent.Request.Partition)
	}
	require.Equal(t, []uint64{2, 2, 1, 2, 2, 3}, partitions)
	n, known := s.c.Partitions()
	require.True(t, known)
	require.Equal(t, 4, n)
	require.Equal(t, uint64(1), s.c.TableVersion())
}

// Goal: CORE-12, the question goes round the endpoints, without a storm, until one answers it with a table that makes
// sense. Method: refusals, silence and nonsense in turn.
func TestQuestionForTheTableGoesRound(t *testing.T) {
	s := askScript(t, 3, nil)
	s.submit(Op{Kind: Get, Key: []byte("k")})
	asked := map[int]int{}
	for i := range 40 {
		ask, waited := s.until(5 * time.Second)
		require.Equal(t, kvpb.RequestKind_TABLE, ask.Request.Kind)
		require.Empty(t, s.sent, "one question at a time")
		asked[ask.Endpoint]++
		if i > 0 && i%(maxRedirects+1) == 0 {
			require.Positive(t, waited, "a storm of questions")
		}
		nonsense := tableOf(1, 3, 4)
		switch i % 5 {
		case 0:
			s.code(ask, kvpb.Code_UNAVAILABLE)
		case 1:
			s.answer(ask, &kvpb.Response{Code: kvpb.Code_OK}) // without a table
		case 2:
			nonsense.Places[1].Partition = 9
			s.answerTable(ask, nonsense)
		case 3:
			nonsense.Places[1].Partition = 1
			s.answerTable(ask, nonsense)
		case 4:
			nonsense.Partitions = maxPartitions + 1
			s.answerTable(ask, nonsense)
		}
	}
	for ep := range 3 {
		require.Greater(t, asked[ep], 5)
	}
	ask, _ := s.until(5 * time.Second)
	second, waited := s.until(5 * time.Second)
	require.NotEqual(t, ask.Endpoint, second.Endpoint, "it was silent")
	require.GreaterOrEqual(t, waited, time.Second)
	s.answerTable(ask, tableOf(1, 3, 4)) // late, and good all the same
	require.Equal(t, kvpb.RequestKind_READ, s.next().Request.Kind)
}

// Goal: an operation whose deadline passes before there is a table is Failed, and says what was wrong; without anybody
// who waits the question ends. Method: no connection, refusals, silence.
func TestDeadlineBeforeTheTableIsHonest(t *testing.T) {
	op := Op{Kind: Put, Key: []byte("k"), Deadline: 3 * second}
	s := &script{t: t, c: New(Config{Endpoints: 1, Sharded: true}, 1), now: 1}
	s.submit(op)
	s.wait(4 * time.Second)
	require.Contains(t, s.done[0].Err.Error(), "no endpoint is connected")
	s.ended(Failed, ReasonDeadline)

	s = askScript(t, 2, nil)
	s.submit(op)
	s.submit(Op{Kind: MultiPut, Items: []Item{{Kind: Put, Key: []byte("k")}}, Deadline: op.Deadline})
	for s.c.Pending() > 0 {
		for len(s.sent) > 0 {
			s.answer(s.next(), &kvpb.Response{Code: kvpb.Code_UNAVAILABLE, Message: "starting"})
		}
		s.wait(s.c.Deadline().Sub(s.now))
	}
	require.Contains(t, s.done[0].Err.Error(), "the routing table is not known")
	require.Contains(t, s.done[0].Err.Error(), "UNAVAILABLE: starting")
	s.ended(Failed, ReasonDeadline)
	s.ended(Failed, ReasonDeadline)
	for range 10 {
		for len(s.sent) > 0 {
			s.code(s.next(), kvpb.Code_UNAVAILABLE)
		}
		s.wait(time.Second)
	}
	require.Equal(t, env.Never, s.c.Deadline(), "nobody waits, so nobody asks")
}

// Goal: a cluster that is not sharded, or too old to know of tables, is used as one group. Method: both answers; then
// the very requests that an unsharded core sends.
func TestClusterWithoutPartitionsIsOneGroup(t *testing.T) {
	for _, answer := range []*kvpb.Response{
		{Code: kvpb.Code_OK, Table: &kvpb.RoutingTable{Version: 7, Seed: 3}},
		{Code: kvpb.Code_INVALID, Message: "request kind 7 is not known"},
	} {
		s := askScript(t, 2, nil)
		s.put()
		s.answer(s.next(), answer)
		s.open(100)
		sent := s.next()
		require.Zero(t, sent.Request.Partition)
		require.Equal(t, uint64(100), sent.Request.Session)
		s.ok(sent)
		require.Equal(t, uint64(100), s.c.Session())
		require.Equal(t, sent.Endpoint, s.c.Leader())
		s.submit(Op{Kind: Batch, Items: []Item{{Kind: Put, Key: []byte("a")}, {Kind: Put, Key: []byte("b")}}})
		require.Len(t, s.next().Request.Ops, 2)
		s.wait(time.Minute)
		for _, later := range s.sent {
			require.NotEqual(t, kvpb.RequestKind_TABLE, later.Request.Kind)
		}
	}
	s := askScript(t, 2, nil)
	s.put()
	s.answer(s.next(), &kvpb.Response{Code: kvpb.Code_INVALID, Message: "something else"})
	require.Equal(t, kvpb.RequestKind_TABLE, s.next().Request.Kind, "another refusal says nothing about the cluster")
}

// Goal: CORE-12, a refusal with a higher version makes the core ask the endpoint that told of it, once, and not before
// a pause since it last asked. Method: refusals with versions, answered and not.
func TestHigherVersionIsAskedForOnce(t *testing.T) {
	s := shardScript(t, 3, 3, nil)
	s.wait(time.Second)
	for range 5 {
		s.submit(Op{Kind: Get, Key: keyIn(3, 2, 0)})
	}
	for i := range 5 {
		sent := s.sent[i]
		require.Equal(t, 1, sent.Endpoint)
		s.refuse(sent, kvpb.Code_NOT_LEADER, 5)
	}
	var questions []Send
	for _, sent := range s.sent {
		if sent.Request.Kind == kvpb.RequestKind_TABLE {
			questions = append(questions, sent)
		}
	}
	require.Len(t, questions, 1)
	require.Equal(t, 1, questions[0].Endpoint, "it has that version")
	s.sent = nil
	asked := s.now
	s.answerTable(questions[0], tableOf(4, 3, 3)) // less than it promised
	require.Equal(t, uint64(4), s.c.TableVersion())
	for _, o := range s.c.slots {
		if o.place == inFlight {
			s.answer(Send{Endpoint: o.cur.ep, Request: &kvpb.Request{Id: o.cur.id}}, &kvpb.Response{Code: kvpb.Code_NOT_LEADER, TableVersion: 5})
		}
	}
	for {
		sent, _ := s.until(5 * time.Second)
		if sent.Request.Kind == kvpb.RequestKind_TABLE {
			require.GreaterOrEqual(t, s.now.Sub(asked), 250*time.Millisecond)
			s.answerTable(sent, tableOf(5, 3, 3))
			break
		}
		s.refuse(sent, kvpb.Code_NOT_LEADER, 5)
	}
	require.Equal(t, uint64(5), s.c.TableVersion())
}

// Goal: CORE-12, while operations do not get on, the table is asked for every few seconds, and not any more when they
// are over. Method: refusals without versions for half a minute.
func TestTableIsAskedForWhileOperationsFail(t *testing.T) {
	s := shardScript(t, 3, 3, nil)
	s.submit(Op{Kind: Get, Key: keyIn(3, 2, 0), Deadline: s.now.Add(30 * time.Second)})
	var questions []env.Instant
	for s.c.Pending() > 0 {
		for len(s.sent) > 0 {
			sent := s.next()
			if sent.Request.Kind == kvpb.RequestKind_TABLE {
				questions = append(questions, s.now)
				s.answerTable(sent, tableOf(1, 3, 3))
				continue
			}
			s.refuse(sent, kvpb.Code_NOT_LEADER, 0)
		}
		s.wait(s.c.Deadline().Sub(s.now))
	}
	require.InDelta(t, 7, len(questions), 1)
	for i := range questions[1:] {
		require.GreaterOrEqual(t, questions[i+1].Sub(questions[i]), 4*time.Second)
	}
	s.ended(Failed, ReasonDeadline)
	s.wait(time.Minute)
	s.idle()
	require.Equal(t, env.Never, s.c.Deadline())
}

// Goal: CORE-13, a table of a lower version changes nothing, nor does the place of a partition whose epoch is lower
// than before (SHARD: epoch regress). Method: old tables, and a new one that is partly old.
func TestOldTablesAreIgnored(t *testing.T) {
	s := askScript(t, 3, nil)
	s.submit(Op{Kind: Get, Key: keyIn(3, 1, 0)})
	table := tableOf(5, 3, 3)
	s.answerTable(s.next(), table)
	ask := func(answer *kvpb.RoutingTable) {
		s.c.needTable(s.now)
		s.take()
		last := s.sent[len(s.sent)-1]
		s.answerTable(last, answer)
		s.sent = nil
	}
	ask(tableOf(4, 1, 3))
	require.Equal(t, uint64(5), s.c.TableVersion())
	require.Equal(t, []uint64{2, 3}, s.c.routes.places[1].replicas)
	mixed := tableOf(6, 3, 3)
	mixed.Places[1] = &kvpb.RoutingPartition{Partition: 2, Epoch: 4, Replicas: []uint64{1}, Leader: 1}
	mixed.Places[2] = &kvpb.RoutingPartition{Partition: 3, Epoch: 6, Replicas: []uint64{2}, Leader: 2}
	ask(mixed)
	require.Equal(t, uint64(6), s.c.TableVersion())
	require.Equal(t, []uint64{2, 3}, s.c.routes.places[1].replicas, "its epoch went back")
	require.Equal(t, []uint64{2}, s.c.routes.places[2].replicas)
}

// Goal: CORE-13, a table with other partitions or another seed is of another cluster: all operations end truthfully
// with that error, later ones too, and nothing more is sent. Method: both kinds, with operations in all states.
func TestContradictingTableEndsEverything(t *testing.T) {
	other := tableOf(9, 3, 3)
	other.Seed++
	for _, table := range []*kvpb.RoutingTable{other, tableOf(9, 3, 4), {Version: 9}} {
		s := shardScript(t, 3, 3, func(c *Config) { c.MaxOutstanding = 3 })
		s.putIn(3, 1)
		s.submit(Op{Kind: Get, Key: keyIn(3, 2, 0)})
		s.submit(Op{Kind: MultiPut, Items: []Item{{Kind: Put, Key: keyIn(3, 1, 1)}, {Kind: Put, Key: keyIn(3, 2, 1)}}})
		s.submit(Op{Kind: Put, Key: keyIn(3, 3, 0)}) // queued
		s.sent = nil
		s.c.needTable(s.now)
		s.take()
		s.answerTable(s.next(), table)
		reasons := map[Outcome]int{}
		for len(s.done) > 0 {
			d := s.completion()
			require.Equal(t, ReasonWrongCluster, d.Err.Reason)
			require.Contains(t, d.Err.Error(), "has a routing table with")
			reasons[d.Outcome]++
		}
		require.Equal(t, map[Outcome]int{Unknown: 2, Failed: 2}, reasons)
		s.submit(Op{Kind: Get, Key: []byte("k")})
		s.ended(Failed, ReasonWrongCluster)
		s.wait(time.Hour)
		s.idle()
		require.Equal(t, env.Never, s.c.Deadline())
	}
}

// Goal: CORE-9 holds for sharded clusters, too. Method: two cores, one schedule, the requests byte for byte.
func TestSameCallsSameOutputsInAShardedCluster(t *testing.T) {
	run := func() string {
		s := shardScript(t, 4, 16, nil)
		out := ""
		for i := range 300 {
			key := fmt.Appendf(nil, "key%d", i*7%40)
			s.submit(Op{Kind: Put, Key: key, Value: key, Deadline: s.now.Add(3 * time.Second)})
			s.submit(Op{Kind: MultiGet, Items: []Item{{Kind: Get, Key: key}, {Kind: Get, Key: []byte("x")}}, Follower: i%2 == 0})
			for j := range min(len(s.sent), 4) {
				sent := s.next()
				out += fmt.Sprintln(sent.Endpoint, sent.Request)
				codes := []kvpb.Code{kvpb.Code_OK, kvpb.Code_NOT_LEADER, kvpb.Code_WRONG_PARTITION, kvpb.Code_OK}
				resp := &kvpb.Response{Code: codes[(i+j)%4], Session: uint64(i), TableVersion: uint64(i % 3), Table: tableOf(uint64(i), 4, 16)}
				for range sent.Request.Ops {
					resp.Results = append(resp.Results, &kvpb.OpResult{Found: true})
				}
				s.answer(sent, resp)
			}
			s.wait(30 * time.Millisecond)
		}
		for _, d := range s.done {
			out += fmt.Sprintln(d.Op, d.Outcome, d.Err)
		}
		return out
	}
	require.Equal(t, run(), run())
}

// Goal: CORE-12, all endpoints are asked for the table in turn, whatever turns operations take. Method: one read that
// goes round between any two questions.
func TestQuestionsTakeTheirOwnTurns(t *testing.T) {
	s := askScript(t, 2, nil)
	table := tableOf(1, 2, 1)
	table.Places = nil
	read := Op{Kind: Get, Key: []byte("k"), Stale: true}
	s.submit(read)
	s.answerTable(s.next(), table)
	s.answer(s.next(), found())
	asked := map[int]int{}
	for range 6 {
		s.submit(read)
		s.answer(s.next(), found())
		s.c.needTable(s.now)
		s.take()
		asked[s.sent[0].Endpoint]++
		s.answerTable(s.next(), table)
	}
	require.Equal(t, map[int]int{0: 3, 1: 3}, asked)
}
