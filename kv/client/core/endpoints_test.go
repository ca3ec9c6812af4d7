package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// learner is a script of one configured endpoint, a, that knows tableOf(1, n, n), and what was dialled and hung up.
type learner struct {
	*script
	n       int
	dials   []Dial
	hangups []int
}

func newLearner(t *testing.T, n int, change func(*Config)) *learner {
	l := &learner{script: askScript(t, 1, change), n: n}
	l.get(1)
	l.answerTable(l.next(), tableOf(1, n, n))
	return l
}

func (l *learner) take() {
	require.NoError(l.t, l.c.CheckInvariants())
	out := l.c.Output()
	l.sent = append(l.sent, out.Sends...)
	l.done = append(l.done, out.Done...)
	l.dials = append(l.dials, out.Dials...)
	l.hangups = append(l.hangups, out.Hangups...)
}

func (l *learner) answerTable(to Send, table *kvpb.RoutingTable) {
	l.c.Response(l.now, to.Endpoint, &kvpb.Response{Id: to.Request.Id, Code: kvpb.Code_OK, Node: 1, Table: table})
	l.take()
}

func (l *learner) get(partition int) {
	l.c.Submit(l.now, Op{Kind: Get, Key: keyIn(l.n, partition, 0)})
	l.take()
}

func (l *learner) connect(ep int) {
	l.c.Connected(l.now, ep)
	l.take()
}

// dialled returns the addresses dialled since the last call.
func (l *learner) dialled() []Dial {
	out := l.dials
	l.dials = nil
	return out
}

// serve answers all that is sent: what went to the leader is answered, the rest refused.
func (l *learner) serve() {
	for len(l.sent) > 0 {
		sent := l.next()
		resp := found()
		if leader := 'a' + rune(sent.Request.Partition-1)%rune(l.n); l.c.endpoints[sent.Endpoint].address != string(leader) {
			resp = &kvpb.Response{Code: kvpb.Code_NOT_LEADER}
		}
		resp.Id = sent.Request.Id
		l.c.Response(l.now, sent.Endpoint, resp)
		l.take()
	}
}

// settle serves until nothing is left.
func (l *learner) settle() {
	for range 100 {
		l.serve()
		if l.c.Pending() == 0 {
			return
		}
		l.pass(time.Second / 10)
	}
	require.Fail(l.t, "operations are left")
}

// pass lets time pass.
func (l *learner) pass(d time.Duration) {
	end := l.now.Add(d)
	for l.c.Deadline() <= end {
		l.now = max(l.now, l.c.Deadline())
		l.c.Tick(l.now)
		l.take()
	}
	l.now = end
}

// Goal: CORE-16, nodes of the table are dialled when a partition of theirs is used, and not before; the operation goes
// there as soon as there is a connection. Method: a cluster of five, of which one is configured.
func TestNodesAreDialledWhenTheyAreNeeded(t *testing.T) {
	l := newLearner(t, 5, nil)
	require.Empty(t, l.dialled(), "a leads partition 1")
	l.serve()
	l.get(3)
	require.Equal(t, []Dial{{Endpoint: 1, Address: "c"}, {Endpoint: 2, Address: "d"}}, l.dialled(), "c leads, and there is no connection")
	asked := l.next()
	require.Zero(t, asked.Endpoint, "better than nothing")
	l.answer(asked, &kvpb.Response{Code: kvpb.Code_OVERLOADED})
	l.connect(1)
	l.pass(time.Second)
	require.Equal(t, 1, l.next().Endpoint)
	require.Empty(t, l.dialled())
	require.Empty(t, l.hangups)
	l.c.Submit(l.now, Op{Kind: Get, Key: keyIn(5, 1, 0), Follower: true})
	l.take()
	require.Equal(t, []Dial{{Endpoint: 3, Address: "b"}}, l.dialled(), "it could answer as well")
}

// Goal: CORE-16, what was learned and is not used for long is hung up, what was configured never; a number is used again
// only after it was reported closed, and the node is dialled again when it is needed. Method: half an hour.
func TestIdleEndpointsAreHungUp(t *testing.T) {
	l := newLearner(t, 3, nil)
	l.serve()
	l.get(2)
	require.Equal(t, []Dial{{Endpoint: 1, Address: "b"}, {Endpoint: 2, Address: "c"}}, l.dialled())
	l.connect(1)
	for range 6 {
		l.settle()
		l.pass(time.Minute)
		l.get(1)
		l.get(2)
	}
	l.settle()
	require.Equal(t, []int{2}, l.hangups, "nothing was sent to c")
	require.Empty(t, l.dialled(), "b leads, so c is not needed")
	l.c.Disconnected(l.now, 2, nil)
	l.c.Connected(l.now, 2) // of the old link: too late
	l.c.Response(l.now, 2, &kvpb.Response{Node: 3})
	l.get(3)
	require.Equal(t, []Dial{{Endpoint: 3, Address: "c"}}, l.dialled(), "number 2 is not closed yet")
	l.c.Closed(l.now, 2)
	l.c.Closed(l.now, 2)
	l.connect(3)
	l.settle()
	l.pass(time.Hour)
	require.Equal(t, []int{2, 1, 3}, l.hangups)
	require.True(t, l.c.endpoints[0].connected)
	require.Equal(t, env.Never, l.c.Deadline())
	l.get(2)
	require.Equal(t, []Dial{{Endpoint: 2, Address: "b"}}, l.dialled()[:1])
}

// Goal: CORE-16, an endpoint with something in flight is not idle. Method: a read that waits for an answer for long.
func TestBusyEndpointIsNotHungUp(t *testing.T) {
	l := newLearner(t, 2, func(c *Config) { c.EndpointIdle = time.Second })
	l.serve()
	l.get(2)
	l.connect(1)
	l.settle()
	l.c.Submit(l.now, Op{Kind: Put, Key: keyIn(2, 2, 0), NoSession: true, Deadline: l.now.Add(time.Minute)})
	l.take()
	require.Equal(t, 1, l.next().Endpoint)
	l.pass(30 * time.Second)
	require.Empty(t, l.hangups)
	l.pass(31 * time.Second)
	require.Equal(t, []int{1}, l.hangups)
}

// Goal: CORE-8, CORE-16, with no room for another endpoint the one that was not used for longest makes room, if it was
// not used for a while; operations that found no endpoint go on when there is room. Method: two endpoints, four nodes.
func TestUnusedEndpointMakesRoom(t *testing.T) {
	l := newLearner(t, 4, func(c *Config) { c.MaxEndpoints = 3 })
	l.serve()
	l.get(2) // on b and c
	l.connect(1)
	l.settle()
	l.get(3) // on c and d
	l.connect(2)
	l.settle()
	require.Len(t, l.dialled(), 2)
	l.get(4) // on d and a
	require.Empty(t, l.hangups, "b and c were used just now")
	l.pass(time.Second)
	l.get(3)
	l.serve()
	l.pass(time.Second)
	require.Equal(t, []int{1}, l.hangups, "it was not used for longest")
	require.Empty(t, l.dialled(), "not before it is closed")
	l.c.Disconnected(l.now, 0, nil)
	l.c.Disconnected(l.now, 2, nil)
	l.take()
	require.Equal(t, 1, l.c.lists[parked].n)
	l.c.Closed(l.now, 1)
	l.take()
	require.Equal(t, []Dial{{Endpoint: 1, Address: "d"}}, l.dialled())
	l.sent = nil
	l.connect(1)
	l.settle()
}

// Goal: a node is found under its new address, and one that left the table is asked last. Method: a table in which one
// node has moved and one is gone.
func TestNodesThatMoveAndLeave(t *testing.T) {
	l := newLearner(t, 4, nil)
	for p := range 4 {
		l.get(p + 1)
	}
	for ep := 1; ep < 4; ep++ {
		l.connect(ep)
	}
	l.settle()
	for ep := range 4 {
		l.c.Response(l.now, ep, &kvpb.Response{Node: uint64(ep) + 1})
	}
	l.dials, l.done = nil, nil
	table := tableOf(2, 4, 4)
	table.Nodes[2].Address = "moved"
	table.Nodes = table.Nodes[:3] // d is gone
	table.Places[1] = &kvpb.RoutingPartition{Partition: 2, Epoch: 2, Replicas: []uint64{3}}
	table.Places[3] = &kvpb.RoutingPartition{Partition: 4, Epoch: 2, Replicas: []uint64{1}}
	l.c.Disconnected(l.now, 2, nil)
	l.c.needTable(l.now)
	l.take()
	l.answerTable(l.next(), table)
	l.get(2)
	require.Equal(t, []Dial{{Endpoint: 4, Address: "moved"}}, l.dialled())
	l.sent = nil
	l.connect(4)
	for _, ep := range []int{0, 1} {
		require.False(t, l.c.endpoints[ep].unlisted)
	}
	require.True(t, l.c.endpoints[3].unlisted)
	for range 8 { // whom it asks for the table is a matter of turns
		l.c.needTable(l.now)
		l.take()
		ask := l.next()
		require.NotEqual(t, 3, ask.Endpoint, "it left: only if there is nobody else")
		l.answerTable(ask, table)
		l.sent = nil
	}
}

// Goal: CORE-16, an answer that comes late from an endpoint that was hung up counts, but does not make it a leader.
// Method: a read that was silent for as long as endpoints may be idle.
func TestLateAnswerOfAHungUpEndpoint(t *testing.T) {
	l := newLearner(t, 2, func(c *Config) { c.EndpointIdle = time.Second })
	l.serve()
	l.get(2)
	l.connect(1)
	l.settle()
	l.get(2)
	late := l.next()
	require.Equal(t, 1, late.Endpoint)
	l.pass(time.Second)
	require.Equal(t, []int{1}, l.hangups)
	resp := found()
	resp.Id, resp.Node = late.Request.Id, 2
	l.done = nil
	l.c.Response(l.now, 1, resp)
	l.take()
	require.Equal(t, OK, l.completion().Outcome)
	require.Equal(t, -1, l.c.LeaderOf(2))
	require.Zero(t, l.c.endpoints[1].node)
}

// Goal: without addresses, as in a simulation, the nodes of the table are found by their ids. Method: ids given, and
// ids learned from answers.
func TestNodesAreFoundById(t *testing.T) {
	for _, given := range []bool{true, false} {
		s := askScript(t, 3, func(c *Config) {
			c.Addresses = nil
			if given {
				c.Nodes = []uint64{1, 2, 3}
			}
		})
		if !given {
			for ep := range 3 {
				s.c.Response(s.now, ep, &kvpb.Response{Node: uint64(ep) + 1})
			}
		}
		s.submit(Op{Kind: Get, Key: keyIn(3, 2, 0)})
		s.answerTable(s.next(), tableOf(1, 3, 3))
		require.Equal(t, 1, s.next().Endpoint)
		require.Empty(t, s.c.Output().Dials)
	}
	require.ErrorContains(t, Config{Endpoints: 2, Nodes: []uint64{1}}.Check(), "1 node ids given for 2 endpoints")
	require.ErrorContains(t, Config{Endpoints: 2, Sharded: true, Partition: 3}.Check(), "leave it out")
}
