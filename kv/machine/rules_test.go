package machine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/raft"
)

// Goal: a key's version is the index of its last write (MACH-3), also across an
// erase. Method: put, put, erase, put-if-absent.
func TestVersionsAreLogIndexes(t *testing.T) {
	r := newRig(t, tinyLimits())
	require.False(t, r.get("a").Found)
	res := r.do(put(0, 0, "a", "1"))
	require.Equal(t, []machine.OpResult{{Applied: true, Version: 1}}, res.Ops)
	require.Equal(t, uint64(1), res.ResultIndex)
	r.do(put(0, 0, "a", "2"))
	require.Equal(t, machine.OpResult{Found: true, Version: 2, Value: []byte("2")}, r.get("a"))

	erase := apply(0, 0, machine.Op{Kind: machine.OpErase, Key: []byte("a")})
	require.Equal(t, []machine.OpResult{{Found: true, Applied: true, Version: 3}}, r.do(erase).Ops)
	require.Equal(t, []machine.OpResult{{Applied: true, Version: 4}}, r.do(erase).Ops)
	require.False(t, r.get("a").Found)

	absent := put(0, 0, "a", "5")
	absent.Ops[0].Cond = machine.CondAbsent
	require.Equal(t, uint64(5), r.do(absent).Ops[0].Version)
	res = r.do(absent)
	require.Equal(t, machine.StatusConditionFailed, res.Status)
	require.Equal(t, []machine.OpResult{{Found: true, CondFailed: true, Version: 5, Value: []byte("5")}}, res.Ops)
}

// Goal: each kind of condition holds exactly when it should, and a failed one
// tells what is there. Method: table over a present and an absent key.
func TestConditions(t *testing.T) {
	for _, c := range []struct {
		name            string
		op              machine.Op
		present, absent bool
	}{
		{"none", machine.Op{}, true, true},
		{"absent", machine.Op{Cond: machine.CondAbsent}, false, true},
		{"exists", machine.Op{Cond: machine.CondExists}, true, false},
		{"version", machine.Op{Cond: machine.CondVersion, CondVersion: 1}, true, false},
		{"other version", machine.Op{Cond: machine.CondVersion, CondVersion: 2}, false, false},
		{"value", machine.Op{Cond: machine.CondValue, CondValue: []byte("old")}, true, false},
		{"other value", machine.Op{Cond: machine.CondValue, CondValue: []byte("new")}, false, false},
		{"empty value", machine.Op{Cond: machine.CondValue}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for key, holds := range map[string]bool{"present": c.present, "absent": c.absent} {
				r := newRig(t, tinyLimits())
				r.do(put(0, 0, "present", "old"))
				before := r.get(key)
				op := c.op
				op.Kind, op.Key, op.Value = machine.OpPut, []byte(key), []byte("new")
				res := r.do(apply(0, 0, op))
				if holds {
					require.Equal(t, machine.StatusOK, res.Status)
					require.Equal(t, machine.OpResult{Found: true, Version: 2, Value: []byte("new")}, r.get(key))
					continue
				}
				require.Equal(t, machine.StatusConditionFailed, res.Status)
				require.Equal(t, before, r.get(key))
				before.CondFailed = true
				require.Equal(t, []machine.OpResult{before}, res.Ops)
			}
		})
	}
}

// Goal: a command is all or nothing (MACH-7), its conditions are judged before
// it, its reads see its own writes. Method: one failing, one holding command.
func TestCommandsAreAtomic(t *testing.T) {
	r := newRig(t, tinyLimits())
	k := func(s string) []byte { return []byte(s) }
	ops := []machine.Op{
		{Kind: machine.OpPut, Key: k("a"), Value: k("1")},
		{Kind: machine.OpPut, Key: k("b"), Value: k("1"), Cond: machine.CondExists},
		{Kind: machine.OpGet, Key: k("a"), Cond: machine.CondAbsent},
	}
	res := r.do(apply(0, 0, ops...))
	require.Equal(t, machine.StatusConditionFailed, res.Status)
	require.Equal(t, []machine.OpResult{{}, {CondFailed: true}, {}}, res.Ops)
	require.False(t, r.get("a").Found)

	ops[1].Cond = machine.CondNone
	res = r.do(apply(0, 0, append(ops, machine.Op{Kind: machine.OpErase, Key: k("a")})...))
	require.Equal(t, machine.StatusOK, res.Status)
	require.Equal(t, []machine.OpResult{
		{Applied: true, Version: 2},
		{Applied: true, Version: 2},
		{Applied: true, Found: true, Version: 2, Value: k("1")},
		{Applied: true, Found: true, Version: 2},
	}, res.Ops)
	require.False(t, r.get("a").Found)
	require.True(t, r.get("b").Found)
}

// Goal: entries see the writes of earlier entries of the same Apply. Method:
// a chain of dependent commands in one call.
func TestEntriesOfOneApplySeeEachOther(t *testing.T) {
	cas := put(0, 0, "a", "2")
	cas.Ops[0].Cond, cas.Ops[0].CondVersion = machine.CondVersion, 1
	erase := apply(0, 0, machine.Op{Kind: machine.OpErase, Key: []byte("a")})
	get := apply(0, 0, machine.Op{Kind: machine.OpGet, Key: []byte("a")})
	r := newRig(t, tinyLimits())
	var entries []raft.Entry
	for i, c := range []machine.Command{put(0, 0, "a", "1"), cas, get, erase, get} {
		entries = append(entries, raft.Entry{Index: uint64(i) + 1, Data: machine.AppendCommand(nil, &c)})
	}
	out, err := r.m.Apply(entries, nil)
	require.NoError(t, err)
	require.Equal(t, machine.StatusOK, out[1].Status)
	require.Equal(t, machine.OpResult{Found: true, Applied: true, Version: 2, Value: []byte("2")}, out[2].Ops[0])
	require.True(t, out[3].Ops[0].Found)
	require.False(t, out[4].Ops[0].Found)
}

// Goal: a gap, a repetition or a sinking term is never applied (MACH-1; COMM-12,
// SNAP-15). Method: give such entries, expect a panic and no change.
func TestEntriesOutOfOrderPanic(t *testing.T) {
	r := newRig(t, tinyLimits())
	r.do(put(0, 0, "a", "1"))
	hash := r.m.Hash()
	for _, es := range [][]raft.Entry{
		{{Index: 1, Term: 3}},
		{{Index: 3, Term: 3}},
		{{Index: 2, Term: 2}},
		{{Index: 2, Term: 3}, {Index: 4, Term: 3}},
	} {
		require.Panics(t, func() { _, _ = r.m.Apply(es, nil) })
	}
	require.Equal(t, hash, r.m.Hash())
	index, _ := r.m.Applied()
	require.Equal(t, uint64(1), index)
}

// Goal: entries that are not commands advance position and hash, and nothing
// else. Method: a no-op entry.
func TestNoOpEntries(t *testing.T) {
	r := newRig(t, tinyLimits())
	out, err := r.m.Apply([]raft.Entry{{Index: 1, Term: 2, Kind: raft.EntryNoOp}}, nil)
	require.NoError(t, err)
	require.Equal(t, []machine.Result{{Index: 1, Term: 2, ResultIndex: 1}}, out)
	index, term := r.m.Applied()
	require.Equal(t, []uint64{1, 2}, []uint64{index, term})
	require.NotZero(t, r.m.Hash())
	r.reopen(tinyLimits())
}

// Goal: a payload that cannot be understood or breaks the limits is answered
// alike everywhere and changes no key. Method: table of payloads.
func TestInvalidCommands(t *testing.T) {
	op := func(key, value string) machine.Op {
		return machine.Op{Kind: machine.OpPut, Key: []byte(key), Value: []byte(value)}
	}
	encode := func(c machine.Command) []byte { return machine.AppendCommand(nil, &c) }
	big := string(make([]byte, 4<<10+1))
	zero := op("a", "b")
	zero.Cond = machine.CondVersion
	wide := op("a", "b")
	wide.Cond, wide.CondValue = machine.CondValue, []byte(big)
	for name, data := range map[string][]byte{
		"empty":             {},
		"garbage":           []byte("garbage"),
		"trailing byte":     append(encode(put(0, 0, "a", "b")), 0),
		"no operations":     encode(apply(0, 0)),
		"too many":          encode(apply(0, 0, op("a", ""), op("a", ""), op("a", ""), op("a", ""), op("a", ""))),
		"empty key":         encode(put(0, 0, "", "b")),
		"long key":          encode(put(0, 0, "123456789", "b")),
		"long value":        encode(put(0, 0, "a", big)),
		"long expectation":  encode(apply(0, 0, wide)),
		"version 0":         encode(apply(0, 0, zero)),
		"no number":         encode(put(1, 0, "a", "b")),
		"number no session": encode(put(0, 1, "a", "b")),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tinyLimits())
			r.openSession()
			require.Equal(t, machine.StatusInvalid, r.raw(data).Status)
			require.False(t, r.get("a").Found)
		})
	}
}

// Goal: log time never goes back (MACH-5), and no local clock takes part
// (SESS-03, COMM-16). Method: times that rise and fall.
func TestLogTimeIsMonotone(t *testing.T) {
	r := newRig(t, tinyLimits())
	for _, c := range []struct{ proposed, want int64 }{{5, 5}, {3, 5}, {-1, 5}, {9, 9}, {8, 9}} {
		cmd := put(0, 0, "a", "1")
		cmd.Time = c.proposed
		r.do(cmd)
		require.Equal(t, c.want, r.m.LogTime())
	}
	r.reopen(tinyLimits())
}
