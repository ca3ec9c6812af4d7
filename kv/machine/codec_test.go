package machine_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/raft"
)

// Goal: decoding is the inverse of encoding. Method: random commands.
func TestCommandsSurviveTheCodec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, c := range drawLog(t).commands {
			if c == nil {
				continue
			}
			b := machine.AppendCommand(nil, c)
			got, err := machine.DecodeCommand(b)
			require.NoError(t, err)
			require.Equal(t, c.Time, got.Time)
			require.Equal(t, len(c.Ops), len(got.Ops))
			require.Equal(t, b, machine.AppendCommand(nil, &got))
			for n := range b {
				_, err := machine.DecodeCommand(b[:n])
				require.Error(t, err, "%d of %d bytes", n, len(b))
			}
			b[0]++
			_, err = machine.DecodeCommand(b)
			require.ErrorContains(t, err, "version")
		}
	})
}

// Goal: no payload makes the machine panic or fail, and what decodes survives a
// round trip. Method: fuzzing from valid commands.
func FuzzDecodeCommand(f *testing.F) {
	for _, c := range []machine.Command{
		{Kind: machine.CmdOpenSession, Time: -5},
		{Kind: machine.CmdKeepAlive, Session: 1, Acked: 1 << 60},
		put(1, 2, "key", "value"),
		apply(0, 0, machine.Op{Kind: machine.OpErase, Key: []byte("k"), Cond: machine.CondVersion, CondVersion: 9}),
		apply(0, 0, machine.Op{Kind: machine.OpGet, Key: []byte("k"), Cond: machine.CondValue, CondValue: []byte("v")}),
	} {
		f.Add(machine.AppendCommand(nil, &c))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := machine.DecodeCommand(b)
		if err == nil {
			again, err := machine.DecodeCommand(machine.AppendCommand(nil, &c))
			require.NoError(t, err)
			require.Equal(t, c, again)
		}
		r := newRig(t, tinyLimits())
		r.openSession()
		res := r.raw(b)
		if err != nil {
			require.Equal(t, machine.Result{
				Index: 2, Term: 3, ResultIndex: 2, Status: machine.StatusInvalid,
			}, res)
		}
	})
}

// Goal: the hash tells states apart. Method: logs that differ in one respect
// each give hashes that differ pairwise.
func TestTheHashCoversEverything(t *testing.T) {
	seen := map[uint64]string{}
	run := func(name string, term uint64, cs ...machine.Command) {
		m := open(t, newRig(t, tinyLimits()).engine, tinyLimits())
		for i := range cs {
			cs[i].Time = max(cs[i].Time, 1)
			e := raft.Entry{Index: uint64(i) + 1, Term: term, Data: machine.AppendCommand(nil, &cs[i])}
			_, err := m.Apply([]raft.Entry{e}, nil)
			require.NoError(t, err)
		}
		other, clash := seen[m.Hash()]
		require.False(t, clash, "%s and %s have the same hash", name, other)
		seen[m.Hash()] = name
	}
	long := string(make([]byte, 100))
	session := machine.Command{Kind: machine.CmdOpenSession}
	later := put(0, 0, "a", "1")
	later.Time = 2
	run("base", 1, put(0, 0, "a", "1"))
	run("term", 2, put(0, 0, "a", "1"))
	run("time", 1, later)
	run("key", 1, put(0, 0, "b", "1"))
	run("value", 1, put(0, 0, "a", "2"))
	run("long value", 1, put(0, 0, "a", long))
	run("other long value", 1, put(0, 0, "a", "x"+long[1:]))
	run("index", 1, put(0, 0, "a", "1"), put(0, 0, "a", "1"))
	run("erase", 1, apply(0, 0, machine.Op{Kind: machine.OpErase, Key: []byte("a")}))
	run("get", 1, apply(0, 0, machine.Op{Kind: machine.OpGet, Key: []byte("a")}))
	run("session", 1, session)
	run("session put", 1, session, put(1, 1, "a", "1"))
	run("unknown session", 1, session, put(9, 1, "a", "1"))
	run("duplicate", 1, session, put(1, 1, "a", "1"), put(1, 1, "a", "1"))
	run("invalid", 1, put(0, 0, "", "1"))
}
