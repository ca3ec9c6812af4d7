package machine_test

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/raft"
)

// Goal: records that are cut, missing or of another format are refused when the
// machine is opened, never guessed at. Method: damage each record in turn.
func TestDamagedRecordsAreRefused(t *testing.T) {
	build := func() *rig {
		r := newRig(t, tinyLimits())
		r.do(put(r.openSession(), 1, "a", "1"))
		return r
	}
	lo, _ := machine.Span(group)
	seen := 0
	for key, value := range contents(t, build().engine) {
		kind := key[len(lo)]
		if kind == 0x10 {
			continue // data is read on demand, below
		}
		seen++
		damage := map[string]func(env.Batch){
			"cut":    func(b env.Batch) { b.Set([]byte(key), []byte(value[:len(value)-1])) },
			"longer": func(b env.Batch) { b.Set([]byte(key), []byte(value+"\x01")) },
		}
		if kind != 0x02 && kind != 0x70 { // without 0x70, the state is adopted
			damage["gone"] = func(b env.Batch) { b.Delete([]byte(key)) }
		}
		for name, harm := range damage {
			r := build()
			b := r.engine.NewBatch()
			harm(b)
			require.NoError(t, r.engine.Apply(b))
			_, err := machine.Open(group, owner, r.engine, tinyLimits())
			require.ErrorContains(t, err, "partition 7", "%s of kind %d", name, kind)
			require.ErrorIs(t, err, machine.ErrDamaged)
		}
	}
	require.Equal(t, 4, seen)

	r := build()
	b := r.engine.NewBatch()
	b.Set(append(append(lo, 0x10), 'a'), nil)
	require.NoError(t, r.engine.Apply(b))
	_, err := r.m.Get([]byte("a"))
	require.ErrorContains(t, err, "damaged")
	require.ErrorIs(t, err, machine.ErrDamaged)
}

// Goal: limits that make no sense and impossible groups are refused. Method: zero each.
func TestOpenChecksItsArguments(t *testing.T) {
	e := openEngine(t, vfs.NewMem(), 0)
	_, err := machine.Open(group, owner, e, machine.Limits{})
	require.ErrorContains(t, err, "MaxKey")
	for _, g := range []raft.GroupID{0, 1<<64 - 1} {
		_, err = machine.Open(g, owner, e, tinyLimits())
		require.Error(t, err)
	}
	_, err = machine.Open(group, owner, e, machine.DefaultLimits())
	require.NoError(t, err)
}

var errEngine = errors.New("engine failed")

// failingEngine refuses batches once it is told to.
type failingEngine struct {
	env.Engine
	fail bool
}

func (e *failingEngine) Apply(b env.Batch) error {
	if e.fail {
		return errEngine
	}
	return e.Engine.Apply(b)
}

// Goal: an engine's error is final, and no result of the failed call gets out.
// Method: an engine that refuses a batch.
func TestAnEngineErrorIsFinal(t *testing.T) {
	e := &failingEngine{Engine: openEngine(t, vfs.NewMem(), 0)}
	m := open(t, e, tinyLimits())
	e.fail = true
	c := put(0, 0, "a", "1")
	for range 2 {
		out, err := m.Apply([]raft.Entry{{Index: 1, Term: 1, Data: machine.AppendCommand(nil, &c)}}, nil)
		require.ErrorIs(t, err, errEngine)
		require.Empty(t, out)
		_, err = m.Get([]byte("a"))
		require.ErrorIs(t, err, errEngine)
	}
}

// Goal: two groups in one engine do not see each other. Method: the same key in both.
func TestGroupsAreApart(t *testing.T) {
	e := openEngine(t, vfs.NewMem(), 0)
	one, err := machine.Open(1, owner, e, tinyLimits())
	require.NoError(t, err)
	c := put(0, 0, "a", "1")
	_, err = one.Apply([]raft.Entry{{Index: 1, Term: 1, Data: machine.AppendCommand(nil, &c)}}, nil)
	require.NoError(t, err)
	two, err := machine.Open(2, owner, e, tinyLimits())
	require.NoError(t, err)
	index, _ := two.Applied()
	require.Zero(t, index)
	res, err := two.Get([]byte("a"))
	require.NoError(t, err)
	require.False(t, res.Found)
}
