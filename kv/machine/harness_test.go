package machine_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/kv/storage"
	"github.com/holdfastdb/holdfast/raft"
)

const (
	group raft.GroupID   = 7
	owner raft.ReplicaID = 1<<32 | 3
)

// tiny limits make every bound reachable in a short test.
func tinyLimits() machine.Limits {
	return machine.Limits{
		MaxKey: 8, MaxValue: 4 << 10, MaxOps: 4,
		SessionTTL: 100, MaxSessions: 4, SessionWindow: 8,
		MaxSavedResults: 20, MaxSavedBytes: 200,
	}
}

func openEngine(t require.TestingT, fs env.FS, flushEvery int) env.Engine {
	e, err := storage.OpenMemory(fs, "engine", storage.MemoryOptions{FlushEvery: flushEvery})
	require.NoError(t, err)
	return e
}

func open(t require.TestingT, e env.Engine, l machine.Limits) *machine.Machine {
	m, err := machine.Open(group, owner, e, l)
	require.NoError(t, err)
	return m
}

// rig is a machine on a memory engine, with a log that grows entry by entry.
type rig struct {
	t      *testing.T
	fs     *vfs.MemFS
	engine env.Engine
	m      *machine.Machine
	log    []raft.Entry
	now    int64
}

func newRig(t *testing.T, l machine.Limits) *rig {
	fs := vfs.NewCrashableMem()
	e := openEngine(t, fs, 0)
	return &rig{t: t, fs: fs, engine: e, m: open(t, e, l), now: 1}
}

// do applies one command as the next entry.
func (r *rig) do(c machine.Command) machine.Result {
	r.t.Helper()
	if c.Time == 0 {
		c.Time = r.now
	}
	return r.raw(machine.AppendCommand(nil, &c))
}

// raw applies any payload as the next entry.
func (r *rig) raw(data []byte) machine.Result {
	r.t.Helper()
	e := raft.Entry{Index: uint64(len(r.log)) + 1, Term: 3, Data: data}
	r.log = append(r.log, e)
	out, err := r.m.Apply([]raft.Entry{e}, nil)
	require.NoError(r.t, err)
	require.Len(r.t, out, 1)
	require.Equal(r.t, e.Index, out[0].Index)
	require.Equal(r.t, e.Term, out[0].Term)
	return out[0]
}

func (r *rig) openSession() uint64 {
	r.t.Helper()
	res := r.do(machine.Command{Kind: machine.CmdOpenSession})
	require.Equal(r.t, machine.StatusOK, res.Status)
	require.Equal(r.t, res.Index, res.Session)
	return res.Session
}

// reopen loads the machine again from the same engine.
func (r *rig) reopen(l machine.Limits) {
	r.t.Helper()
	index, term := r.m.Applied()
	hash, now, n := r.m.Hash(), r.m.LogTime(), r.m.Sessions()
	r.m = open(r.t, r.engine, l)
	index2, term2 := r.m.Applied()
	require.Equal(r.t, []uint64{index, term, hash}, []uint64{index2, term2, r.m.Hash()})
	require.Equal(r.t, now, r.m.LogTime())
	require.Equal(r.t, n, r.m.Sessions())
}

func (r *rig) get(key string) machine.OpResult {
	r.t.Helper()
	res, err := r.m.Get([]byte(key))
	require.NoError(r.t, err)
	return res
}

func put(session, seq uint64, key, value string) machine.Command {
	return apply(session, seq, machine.Op{Kind: machine.OpPut, Key: []byte(key), Value: []byte(value)})
}

func apply(session, seq uint64, ops ...machine.Op) machine.Command {
	return machine.Command{Kind: machine.CmdApply, Session: session, Seq: seq, Ops: ops}
}

// contents is everything that an engine holds, as text.
func contents(t require.TestingT, e env.Reader) map[string]string {
	all := map[string]string{}
	lo, hi := machine.Span(group)
	require.NoError(t, e.Scan(lo, hi, func(k, v []byte) bool {
		all[string(k)] = string(v)
		return true
	}))
	return all
}
