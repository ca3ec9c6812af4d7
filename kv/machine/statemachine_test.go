package machine_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/env"
	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/raft"
)

// drawn is a log with, per entry, the decoded command (nil: a no-op).
type drawn struct {
	entries  []raft.Entry
	commands []*machine.Command
}

func drawOp(t *rapid.T, index uint64) machine.Op {
	op := machine.Op{
		Kind: rapid.SampledFrom([]machine.OpKind{machine.OpPut, machine.OpPut, machine.OpGet, machine.OpErase}).Draw(t, "op"),
		Cond: rapid.SampledFrom([]machine.CondKind{
			machine.CondNone, machine.CondNone, machine.CondNone,
			machine.CondAbsent, machine.CondExists, machine.CondVersion, machine.CondValue,
		}).Draw(t, "cond"),
		Key: []byte{byte(rapid.IntRange('a', 'd').Draw(t, "key"))},
	}
	value := func() []byte {
		size := rapid.SampledFrom([]int{0, 1, 1, 40, 2000}).Draw(t, "size")
		return bytes.Repeat([]byte{byte(rapid.IntRange('x', 'y').Draw(t, "value"))}, size)
	}
	if op.Kind == machine.OpPut {
		op.Value = value()
	}
	switch op.Cond {
	case machine.CondVersion:
		op.CondVersion = max(1, index-uint64(rapid.IntRange(0, 8).Draw(t, "age")))
	case machine.CondValue:
		op.CondValue = value()
	}
	return op
}

// drawLog draws a log in which a few sessions send, repeat and reorder requests,
// acknowledge some, fall silent and are used after their end.
func drawLog(t *rapid.T) drawn {
	var d drawn
	opened := []uint64{0, 999}
	now, term := int64(0), uint64(1)
	n := rapid.IntRange(1, 80).Draw(t, "entries")
	for i := range n {
		term += uint64(rapid.IntRange(0, 20).Draw(t, "election") / 20)
		e := raft.Entry{Index: uint64(i) + 1, Term: term}
		kind := rapid.IntRange(0, 19).Draw(t, "kind")
		if kind == 0 {
			e.Kind = raft.EntryNoOp
			d.entries, d.commands = append(d.entries, e), append(d.commands, nil)
			continue
		}
		now += rapid.SampledFrom([]int64{0, 0, 1, 5, -3, 30, 101}).Draw(t, "time")
		recent := opened[max(0, len(opened)-rapid.IntRange(1, 6).Draw(t, "session")):][0]
		c := &machine.Command{Kind: machine.CmdApply, Time: now, Session: recent}
		switch {
		case kind <= 3:
			c.Kind, c.Session = machine.CmdOpenSession, 0
			opened = append(opened, e.Index)
		case kind == 4:
			c.Kind = machine.CmdCloseSession
		case kind == 5:
			c.Kind = machine.CmdKeepAlive
			c.Acked = uint64(rapid.IntRange(0, 6).Draw(t, "acked"))
		default:
			if c.Session != 0 {
				c.Seq = uint64(rapid.IntRange(1, 12).Draw(t, "seq"))
				c.Acked = uint64(max(0, rapid.IntRange(-10, 8).Draw(t, "acked")))
			}
			for range rapid.IntRange(1, 3).Draw(t, "ops") {
				c.Ops = append(c.Ops, drawOp(t, e.Index))
			}
		}
		e.Data = machine.AppendCommand(nil, c)
		d.entries, d.commands = append(d.entries, e), append(d.commands, c)
	}
	return d
}

// feed applies the entries in pieces of drawn sizes.
func feed(t *rapid.T, m *machine.Machine, entries []raft.Entry) []machine.Result {
	var out []machine.Result
	for len(entries) > 0 {
		n := rapid.IntRange(1, min(12, len(entries))).Draw(t, "piece")
		var err error
		out, err = m.Apply(entries[:n], out)
		require.NoError(t, err)
		entries = entries[n:]
	}
	return out
}

// requireSame compares results, taking a nil and an empty value as equal.
func requireSame(t *rapid.T, want, got machine.Result) {
	require.Len(t, got.Ops, len(want.Ops))
	for i := range want.Ops {
		require.Equal(t, string(want.Ops[i].Value), string(got.Ops[i].Value))
		want.Ops[i].Value, got.Ops[i].Value = nil, nil
	}
	want.Ops, got.Ops = append([]machine.OpResult{}, want.Ops...), append([]machine.OpResult{}, got.Ops...)
	require.Equal(t, want, got)
}

// Goal: every result and every read is that of the naive model. Method: random
// logs with retries, duplicates, reordering, expiry and eviction.
func TestTheMachineDoesWhatTheModelDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawLog(t)
		m := open(t, openEngine(t, vfs.NewMem(), 0), tinyLimits())
		ref := newModel(tinyLimits())
		got := feed(t, m, d.entries)
		for i := range d.entries {
			requireSame(t, cloneResult(ref.apply(d.entries[i], d.commands[i])), cloneResult(got[i]))
		}
		for key := 'a'; key <= 'd'; key++ {
			want := ref.look([]byte{byte(key)})
			is, err := m.Get([]byte{byte(key)})
			require.NoError(t, err)
			require.Equal(t, want.Found, is.Found)
			require.Equal(t, want.Version, is.Version)
			require.Equal(t, string(want.Value), string(is.Value))
		}
		require.Equal(t, len(ref.sessions), m.Sessions())
		require.Equal(t, ref.now, m.LogTime())
	})
}

// cloneResult copies the operations, so that a comparison may change them.
func cloneResult(r machine.Result) machine.Result {
	r.Ops = append([]machine.OpResult(nil), r.Ops...)
	return r
}

// Goal: state hash, engine contents and results do not depend on how the entries
// are split into Apply calls, nor on restarts (MACH-8). Method: the same log through two
// machines, one of which is opened again between pieces.
func TestSplitsAndRestartsDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawLog(t)
		one := openEngine(t, vfs.NewMem(), 0)
		two := openEngine(t, vfs.NewMem(), 0)
		m1, m2 := open(t, one, tinyLimits()), open(t, two, tinyLimits())
		results1 := feed(t, m1, d.entries)
		var results2 []machine.Result
		for rest := d.entries; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "until restart")
			results2 = append(results2, feed(t, m2, rest[:n])...)
			rest = rest[n:]
			m2 = open(t, two, tinyLimits())
		}
		for i := range results1 {
			requireSame(t, cloneResult(results1[i]), cloneResult(results2[i]))
		}
		require.Equal(t, m1.Hash(), m2.Hash())
		require.Equal(t, contents(t, one), contents(t, two))
	})
}

// Goal: after a crash at any point the engine holds the state of one log index, from
// which replay leads to the same end (MACH-2; COMM-12, COMM-13). Method: crash
// with random loss of what was not synced, reopen, compare with a machine that never
// crashed, replay the rest.
func TestReplayAfterACrashLeadsToTheSameState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawLog(t)
		steady := openEngine(t, vfs.NewMem(), 0)
		m := open(t, steady, tinyLimits())
		at := []map[string]string{contents(t, steady)}
		hash := []uint64{0}
		for i := range d.entries {
			_, err := m.Apply(d.entries[i:i+1], nil)
			require.NoError(t, err)
			at, hash = append(at, contents(t, steady)), append(hash, m.Hash())
		}

		fs := vfs.NewCrashableMem()
		every := rapid.IntRange(1, 5).Draw(t, "flush every")
		var applied uint64
		for applied < uint64(len(d.entries)) {
			e := openEngine(t, fs, every)
			m := open(t, e, tinyLimits())
			applied, _ = m.Applied()
			require.Equal(t, at[applied], contents(t, e))
			require.Equal(t, hash[applied], m.Hash())
			n := rapid.IntRange(1, len(d.entries)).Draw(t, "until crash")
			end := min(int(applied)+n, len(d.entries))
			feed(t, m, d.entries[applied:end])
			if end == len(d.entries) {
				require.NoError(t, e.Flush())
			}
			seed := rapid.Uint64().Draw(t, "crash")
			fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(seed % 101), RNG: rand.New(rand.NewPCG(seed, 0))})
			applied = crashedAt(t, fs)
		}
		require.Equal(t, uint64(len(d.entries)), applied)
	})
}

// crashedAt is the applied index that survived.
func crashedAt(t *rapid.T, fs env.FS) uint64 {
	e := openEngine(t, fs, 0)
	index, _ := open(t, e, tinyLimits()).Applied()
	require.NoError(t, e.Close())
	return index
}
