package core

import (
	"fmt"
	"hash"
	"hash/fnv"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// player calls a core at random and digests all that comes out of it.
type player struct {
	t        *testing.T
	r        *rand.Rand
	c        *Core
	now      env.Instant
	n, eps   int
	requests []Send
	ids      []OpID
	sessions uint64
	digest   hash.Hash64
}

func newPlayer(t *testing.T, seed uint64, digest hash.Hash64) *player {
	r := rand.New(rand.NewPCG(seed, 1))
	n := 1 + r.IntN(5)
	cfg := Config{
		Endpoints: n, Seed: seed, AttemptTimeout: 100, RetryBackoffMin: 5, RetryBackoffMax: 80, MaxEndpoints: n + r.IntN(3),
		MaxOutstanding: 1 + r.IntN(10), MaxQueued: r.IntN(6), SessionWindow: 1 + r.IntN(6), KeepAlive: 700, Partition: uint64(r.IntN(3)),
	}
	for i := range n * r.IntN(2) {
		cfg.Addresses = append(cfg.Addresses, fmt.Sprint("a", i))
	}
	return &player{t: t, r: r, c: New(cfg, 3), now: 3, n: n, eps: n, digest: digest}
}

func (p *player) submit() {
	op := Op{
		Kind: Kind(1 + p.r.IntN(int(Batch))), Key: []byte("k"), Value: []byte("v"), ExpectVersion: uint64(p.r.IntN(3)), ExpectValue: []byte("x"),
		Stale: p.r.IntN(4) == 0, Follower: p.r.IntN(4) == 0, NoSession: p.r.IntN(4) == 0, Tag: len(p.ids),
	}
	if p.r.IntN(2) == 0 {
		op.Deadline = p.now + env.Instant(p.r.IntN(500))
	}
	if op.Kind == Batch {
		op.Items = []Item{{Kind: Kind(1 + p.r.IntN(6)), Key: []byte("k"), ExpectVersion: 1}, {Kind: Get, Key: []byte("j")}}
	}
	p.ids = append(p.ids, p.c.Submit(p.now, op))
}

// answer is some answer to a request, mostly one that makes sense.
func (p *player) answer() {
	if len(p.requests) == 0 {
		return
	}
	to := p.requests[len(p.requests)-1-p.r.IntN(min(len(p.requests), 6))]
	resp := &kvpb.Response{Id: to.Request.Id, Code: kvpb.Code_OK, Node: uint64(to.Endpoint + 1), Index: p.r.Uint64N(100), Message: "m"}
	if p.r.IntN(2) == 0 {
		resp.Code = kvpb.Code(p.r.IntN(13))
	}
	if to.Request.Kind == kvpb.RequestKind_OPEN_SESSION {
		if resp.Code == kvpb.Code_SESSION_UNKNOWN {
			resp.Code = kvpb.Code_OVERLOADED // no server says that
		}
		p.sessions++
		resp.Session = p.sessions
	}
	if p.r.IntN(2) == 0 {
		hint := p.r.IntN(p.n + 3)
		resp.LeaderNode = uint64(hint + 1)
		if p.r.IntN(2) == 0 {
			resp.LeaderAddress = fmt.Sprint("a", hint)
		}
	}
	for range to.Request.Ops {
		resp.Results = append(resp.Results, &kvpb.OpResult{Found: true, Version: 3, Value: []byte("x")})
	}
	p.c.Response(p.now, to.Endpoint, resp)
}

func (p *player) step() {
	switch p.r.IntN(12) {
	case 0, 1, 2:
		p.submit()
	case 3:
		if len(p.ids) > 0 && p.r.IntN(3) == 0 {
			p.c.Cancel(p.now, p.ids[p.r.IntN(len(p.ids))])
		}
	case 4:
		p.c.Connected(p.now, p.r.IntN(p.eps))
	case 5:
		if p.r.IntN(2) == 0 {
			p.c.Disconnected(p.now, p.r.IntN(p.eps), nil)
		}
	case 6:
		if len(p.requests) > 0 && p.r.IntN(4) == 0 {
			p.c.NotSent(p.now, []uint64{p.requests[p.r.IntN(len(p.requests))].Request.Id})
		}
	case 7, 8, 9, 10:
		p.answer()
	default:
		p.now += env.Instant(p.r.IntN(150))
		if p.r.IntN(2) == 0 && p.c.Deadline() < p.now+1000 {
			p.now = max(p.now, p.c.Deadline())
		}
		p.c.Tick(p.now)
	}
	p.take()
}

func (p *player) take() {
	require.NoError(p.t, p.c.CheckInvariants())
	out := p.c.Output()
	for _, s := range out.Sends {
		wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(s.Request)
		require.NoError(p.t, err)
		fmt.Fprintf(p.digest, "send %d %x\n", s.Endpoint, wire)
	}
	for _, d := range out.Done {
		r := &d.Result
		fmt.Fprintf(p.digest, "done %d %v %d: %v %v %d %q %v %d %d %d %v %v %d %d\n", d.Op, d.Tag, d.Outcome, r.Found, r.Applied, r.Version,
			r.Value, r.ConditionFailed, len(r.Items), r.Partition, r.Index, r.Lag, r.Duplicate, r.Endpoint, r.Node)
		if d.Err != nil {
			fmt.Fprintln(p.digest, d.Err.Error(), d.Err.Attempts, d.Err.LastEndpoint)
		}
	}
	for _, d := range out.Dials {
		p.eps = d.Endpoint + 1
		fmt.Fprintln(p.digest, "dial", d.Endpoint, d.Address)
	}
	fmt.Fprintln(p.digest, p.c.Deadline(), p.c.Leader(), p.c.Session(), p.c.Pending())
	p.requests = append(p.requests, out.Sends...)
}

// Goal: a core that is not Sharded does byte for byte what it did before there were sharded clusters: kept plans of the
// simulation rest on that. Method: random calls and answers; the digest of all outputs is that of the code of that time.
func TestUnshardedCoreDoesWhatItAlwaysDid(t *testing.T) {
	digest := fnv.New64a()
	for seed := range uint64(150) {
		p := newPlayer(t, seed, digest)
		for range 20 + p.r.IntN(150) {
			p.step()
		}
		if p.r.IntN(2) == 0 {
			p.c.Close(p.now)
			p.take()
		}
	}
	require.Equal(t, "65abc8d26474adab", fmt.Sprintf("%x", digest.Sum64()))
}
