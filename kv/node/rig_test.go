package node

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/kvpb"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/storage"
	"github.com/holdfastdb/holdfast/kv/wal"
	"github.com/holdfastdb/holdfast/netsim"
	"github.com/holdfastdb/holdfast/raft"
)

// rig is a node on a host that does nothing by itself: a test decides which job runs.
type rig struct {
	t      require.TestingT
	n      *Node
	cfg    Config
	disk   *netsim.Disk
	log    *wal.Log
	engine env.Engine

	now   env.Instant
	wall  int64
	armed env.Instant
	jobs  [env.NumLanes][]env.Job
	sent  []envelope
}

type envelope struct {
	to      env.NodeID
	payload []byte
}

func (r *rig) Now() env.Instant   { return r.now }
func (r *rig) WallNow() int64     { return r.wall }
func (r *rig) Arm(at env.Instant) { r.armed = at }
func (r *rig) Send(to env.NodeID, _ env.Channel, payload []byte) {
	r.sent = append(r.sent, envelope{to, payload})
}
func (r *rig) Submit(lane env.Lane, job env.Job)   { r.jobs[lane] = append(r.jobs[lane], job) }
func (r *rig) turn()                               { r.n.Turn() }
func (r *rig) status() *kvpb.GroupStatus           { return r.n.Status().Groups[0] }
func (r *rig) inject(f netsim.Fault) *netsim.Fault { return r.disk.Inject(f) }
func (r *rig) message(m raft.Message) []byte       { return appendRaft(nil, &m) }

func newRig(t require.TestingT, members int) *rig {
	r := &rig{t: t, cfg: DefaultConfig(), disk: netsim.NewDisk(1, netsim.DiskConfig{}), wall: 1000}
	r.cfg.ApplyDelay = 0 // the tests watch single entries
	r.cfg.ID, r.cfg.Cluster, r.cfg.ClusterName, r.cfg.Version = 1, 9, "test", "v0"
	r.cfg.Start = StartBootstrap
	for i := range members {
		id := env.NodeID(i + 1)
		r.cfg.Members = append(r.cfg.Members, Member{ID: id, PeerAddress: "peer" + string(rune('0'+id)), ClientAddress: "client" + string(rune('0'+id))})
	}
	require.NoError(t, r.start())
	return r
}

// start opens log and engine and starts a node on them.
func (r *rig) start() error {
	log, recovery, err := wal.Open(wal.Options{FS: r.disk, Dir: "log", Cluster: 9, Node: 1, SegmentBytes: 64 << 10, Store: 55})
	require.NoError(r.t, err)
	r.engine, err = storage.OpenMemory(r.disk, "engine", storage.MemoryOptions{})
	require.NoError(r.t, err)
	r.log, r.jobs = log, [env.NumLanes][]env.Job{}
	r.n, err = New(r.cfg, Deps{Host: r, Log: log, Recovery: recovery, Engine: r.engine, Seed: 1})
	return err
}

// run runs and completes the oldest job of the lane; it tells whether there was one.
func (r *rig) run(lane env.Lane) bool {
	if len(r.jobs[lane]) == 0 {
		return false
	}
	job := r.jobs[lane][0]
	r.jobs[lane] = r.jobs[lane][1:]
	job.Run()
	job.Done()
	r.turn()
	return true
}

func (r *rig) settle() {
	r.turn()
	for again := true; again; {
		again = false
		for lane := range env.NumLanes {
			again = r.run(lane) || again
		}
	}
}

// lead makes the node leader: alone, or with the votes of its peers.
func (r *rig) lead() *rig {
	r.turn()
	for r.n.Replica(0).Raft().Role() != raft.Leader {
		require.Less(r.t, r.now, env.Instant(time.Minute))
		r.now = r.now.Add(time.Second)
		r.n.Tick()
		r.settle()
		r.answerPeers()
	}
	return r
}

// answerPeers has node 2 agree to all that it was asked, until nothing is asked any more.
func (r *rig) answerPeers() {
	for range 20 {
		mail := r.sent
		r.sent = nil
		for _, e := range mail {
			m, ok := PeekRaft(e.payload)
			if !ok || e.to != 2 {
				continue
			}
			answer := raft.Message{Group: m.Group, From: m.To, To: m.From, Term: m.Term, Round: m.Round}
			switch m.Type {
			case raft.MsgPreVote:
				answer.Type = raft.MsgPreVoteResp
			case raft.MsgVote:
				answer.Type = raft.MsgVoteResp
			case raft.MsgAppend:
				answer.Type, answer.LogIndex = raft.MsgAppendResp, m.LogIndex+uint64(len(m.Entries))
			case raft.MsgHeartbeat:
				answer.Type, answer.LogIndex = raft.MsgHeartbeatResp, m.Commit
			default:
				continue
			}
			r.n.Receive(2, r.message(answer))
		}
		r.settle()
	}
}

// depose tells the node of node 3, the leader of a later term.
func (r *rig) depose() {
	term := r.n.Replica(0).Raft().Term() + 1
	r.n.Receive(3, r.message(raft.Message{Type: raft.MsgHeartbeat, Group: TheGroup, From: 3, To: 1, Term: term}))
	r.turn()
}

// call is a request with its answers.
type call struct {
	req     *kvpb.Request
	answers []*kvpb.Response
}

func (r *rig) call(req *kvpb.Request) *call {
	c := &call{req: req}
	r.n.Request(req, func(resp *kvpb.Response) {
		c.answers = append(c.answers, resp)
		require.Len(r.t, c.answers, 1, "NODE-3: answered twice")
	})
	return c
}

// code is that of the answer, CODE_UNSPECIFIED as long as there is none.
func (c *call) code() kvpb.Code {
	if len(c.answers) == 0 {
		return kvpb.Code_CODE_UNSPECIFIED
	}
	return c.answers[0].Code
}

func op(kind kvpb.OpKind, key, value string) *kvpb.Op {
	return &kvpb.Op{Kind: kind, Key: []byte(key), Value: []byte(value)}
}

func writing(ops ...*kvpb.Op) *kvpb.Request {
	return &kvpb.Request{Id: 5, Kind: kvpb.RequestKind_WRITE, Ops: ops}
}

func reading(key string) *kvpb.Request {
	return &kvpb.Request{Id: 6, Kind: kvpb.RequestKind_READ, Ops: []*kvpb.Op{op(kvpb.OpKind_GET, key, "")}}
}

func putting(key, value string) *kvpb.Request { return writing(op(kvpb.OpKind_PUT, key, value)) }

// encode is a write as it is in the log.
func encode(req *kvpb.Request, wall int64) []byte {
	cmd := command(req, wall)
	return machine.AppendCommand(nil, &cmd)
}
