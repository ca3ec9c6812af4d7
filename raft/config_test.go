package raft

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft/confchange"
)

// Claim: a configuration that cannot work is refused with the field's name. Method: one defect at a time.
func TestConfigIsValidated(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"Group is 0":                    func(c *Config) { c.Group = 0 },
		"ID is 0":                       func(c *Config) { c.ID = 0 },
		"must be distinct":              func(c *Config) { c.Voters = []ReplicaID{1, 2, 2} },
		"distinct and not 0":            func(c *Config) { c.Voters = []ReplicaID{1, 0} },
		"replica 1 is not among Voters": func(c *Config) { c.Voters = []ReplicaID{2, 3} },
		"at most 9 may be":              func(c *Config) { c.Voters = testConfig(1, 10).Voters },
		"second on its node":            func(c *Config) { c.Voters = []ReplicaID{1, MakeReplicaID(1, 1)} },
		"HeartbeatInterval is 0s":       func(c *Config) { c.HeartbeatInterval = 0 },
		"ElectionTimeout is 19ms":       func(c *Config) { c.ElectionTimeout = 19 * time.Millisecond },
		"at most a day":                 func(c *Config) { c.ElectionTimeout = 48 * time.Hour },
		"MaxAppendBytes is 0":           func(c *Config) { c.MaxAppendBytes = 0 },
		"MaxInflightAppends is -1":      func(c *Config) { c.MaxInflightAppends = -1 },
		"MaxInflightBytes is 0":         func(c *Config) { c.MaxInflightBytes = 0 },
		"MaxUncommittedBytes is 0":      func(c *Config) { c.MaxUncommittedBytes = 0 },
		"MaxCacheBytes is 0":            func(c *Config) { c.MaxCacheBytes = 0 },
		"MaxPendingReads is 0":          func(c *Config) { c.MaxPendingReads = 0 },
	} {
		c := testConfig(1, 3)
		change(&c)
		_, err := New(c, Restored{}, 0)
		require.ErrorContains(t, err, want)
	}
}

// conf is an encoded configuration of these voters.
func conf(voters ...uint64) []byte { return confchange.Initial(voters).Append(nil) }

// Claim: a restored state that contradicts itself is refused: the replica may have forgotten promises. Method: one contradiction at a time.
func TestRestoredStateIsValidated(t *testing.T) {
	good := func() Restored {
		return Restored{
			HardState: HardState{Term: 7, Vote: 2, Commit: 12}, SnapIndex: 10, SnapTerm: 3, LastIndex: 13, Applied: 11,
			Runs: []TermRun{{11, 3}, {13, 6}}, Tail: []Entry{{Index: 12, Term: 3}, {Index: 13, Term: 6, Kind: EntryConfig, Data: conf(1, 2)}},
			SnapConfig: conf(1, 2, 3), Configs: []ConfigEntry{{Index: 11, Data: conf(1)}, {Index: 13, Data: conf(1, 2)}},
		}
	}
	_, err := New(testConfig(1, 3), good(), 0)
	require.NoError(t, err)
	for _, c := range []struct {
		want   string
		change func(*Restored)
	}{
		{"out of range", func(s *Restored) { s.HardState.Term = 1 << 62 }},
		{"out of range", func(s *Restored) { s.LastIndex = 1 << 62 }},
		{"a vote for 2 in term 0", func(s *Restored) { s.HardState.Term = 0 }},
		{"below the snapshot's 10", func(s *Restored) { s.LastIndex = 9 }},
		{"snapshot index 10 with term 0", func(s *Restored) { s.SnapTerm = 0 }},
		{"applied index 9 is outside", func(s *Restored) { s.Applied = 9 }},
		{"applied index 14 is outside", func(s *Restored) { s.Applied = 14 }},
		{"do not cover", func(s *Restored) { s.Runs[0].First = 12 }},
		{"do not cover", func(s *Restored) { s.Runs[1].First = 14 }},
		{"do not cover", func(s *Restored) { s.Runs[1].First = 11 }},
		{"do not ascend", func(s *Restored) { s.Runs[0].Term = 2 }},
		{"do not ascend", func(s *Restored) { s.Runs[1].Term = 3 }},
		{"no term runs", func(s *Restored) { s.Runs = nil }},
		{"the hard state is lost", func(s *Restored) { s.HardState.Term = 5 }},
		{"does not end at the last index", func(s *Restored) { s.Tail = s.Tail[:1] }},
		{"does not end at the last index", func(s *Restored) { s.Tail = make([]Entry, 4) }},
		{"contradicts", func(s *Restored) { s.Tail[1].Index = 14 }},
		{"contradicts", func(s *Restored) { s.Tail[0].Term = 6 }},
		{"configuration at index 10", func(s *Restored) { s.SnapConfig = nil }},
		{"configuration at index 10", func(s *Restored) { s.SnapConfig = []byte{1, 0, 0} }},
		{"configuration of entry 11", func(s *Restored) { s.Configs[0].Data = s.Configs[0].Data[:3] }},
		{"configuration at index 10 of a log", func(s *Restored) { s.Configs[0].Index = 10 }},
		{"configuration at index 11 of a log", func(s *Restored) { s.Configs[1].Index = 11 }},
		{"configuration at index 14 of a log", func(s *Restored) { s.Configs[1].Index = 14 }},
		{"entry 13 is a configuration", func(s *Restored) { s.Configs = s.Configs[:1] }},
		{"entry 13 is a configuration", func(s *Restored) { s.Configs[1].Data = conf(1) }},
	} {
		s := good()
		c.change(&s)
		_, err := New(testConfig(1, 3), s, 0)
		require.ErrorContains(t, err, c.want)
	}
}

// Claim: the commit hint is taken as far as the log and the state machine confirm it. Method: hints below, within and beyond.
func TestRestoredCommitIsAHint(t *testing.T) {
	for hint, want := range map[uint64]uint64{0: 2, 3: 3, 9: 4} {
		d := disk{state: HardState{Term: 2, Commit: hint}}
		for i := range uint64(4) {
			d.entries = append(d.entries, Entry{Index: i + 1, Term: 2})
		}
		r, err := New(testConfig(1, 3), d.restored(2), 0)
		require.NoError(t, err)
		require.Equal(t, want, r.Commit())
		require.Equal(t, want, r.Applicable())
		require.NoError(t, r.CheckInvariants())
	}
}
