package wal

import (
	"errors"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/raft"
)

// isVerdict reports whether err is one of the errors for a log that cannot be used.
func isVerdict(err error) bool {
	var corrupt *CorruptError
	var owner *WrongOwnerError
	var format *FormatError
	return errors.As(err, &corrupt) || errors.As(err, &owner) || errors.As(err, &format)
}

// Goal: no bytes make recovery panic, allocate beyond their size, or answer with
// anything but a log or an error of its own.
// Method: arbitrary bytes behind a valid header, or in its place.
func FuzzRecoverArbitraryBytes(f *testing.F) {
	s := newSpecimen(f, 4, 1024, true)
	valid := s.files[s.frames[0].path]
	f.Add(valid[segmentHdrSize:], true)
	f.Add(valid, false)
	f.Fuzz(func(t *testing.T, data []byte, header bool) {
		if header {
			data = slices.Concat(valid[:segmentHdrSize], data)
		}
		o := s.options
		o.FS = vfs.NewMem()
		require.NoError(t, o.FS.MkdirAll(o.Dir, 0o755))
		writeFile(t, o.FS, o.FS.PathJoin(o.Dir, segmentName(1)), data)
		l, _, err := Open(o)
		if err != nil {
			require.True(t, isVerdict(err), "%v", err)
			return
		}
		require.NoError(t, l.Close())
	})
}

// Goal: a damaged log is found damaged, or yields the state after one of its
// commits; never anything else (WAL-2, WAL-5).
// Method: change bytes of, and cut, one segment of a log of three. Segments but the
// last are followed by others: damage to their frames must never pass.
func FuzzDamagedLogYieldsAPrefix(f *testing.F) {
	s := newSpecimen(f, 30, 1500, false)
	require.Len(f, s.files, 3)
	f.Add(uint8(0), uint16(100), []byte{1})
	f.Add(uint8(1), uint16(64), make([]byte, 200))
	f.Add(uint8(2), uint16(64), []byte{0, 0, 0, 0, 0, 0, 0, 9})
	f.Fuzz(func(t *testing.T, segment uint8, offset uint16, change []byte) {
		path := s.fs.PathJoin(s.options.Dir, segmentName(uint64(segment%3)+1))
		data := slices.Clone(s.files[path])
		if len(change) == 0 {
			data = data[:min(int(offset), len(data))]
		}
		for i, b := range change {
			if at := int(offset) + i; at < len(data) {
				data[at] ^= b
			}
		}
		o := s.damaged(t, path, data)
		l, r, err := Open(o)
		if err != nil {
			require.True(t, isVerdict(err), "%v", err)
			return
		}
		i := which(s.models, r)
		require.GreaterOrEqual(t, i, 0, "a state that never was: %+v", r.Groups)
		if segment%3 < 2 {
			require.Len(t, s.models, i+1, "damage in the middle made the log forget")
		}
		s.models[i].check(t, l, r)
	})
}

// Goal: the same of a pruned log, whose checkpoints stand for what is deleted (WAL-9).
// Method: change bytes of, and cut, one of its segments.
func FuzzDamagedPrunedLog(f *testing.F) {
	s, _ := newPrunedSpecimen(f)
	paths := s.paths()
	f.Add(uint8(0), uint16(70), []byte{1})
	f.Add(uint8(1), uint16(64), make([]byte, 200))
	f.Add(uint8(2), uint16(300), []byte{0, 0, 9})
	f.Fuzz(func(t *testing.T, segment uint8, offset uint16, change []byte) {
		n := int(segment) % len(paths)
		data := slices.Clone(s.files[paths[n]])
		if len(change) == 0 {
			data = data[:min(int(offset), len(data))]
		}
		for i, b := range change {
			if at := int(offset) + i; at < len(data) {
				data[at] ^= b
			}
		}
		l, r, err := Open(s.damaged(t, paths[n], data))
		if err != nil {
			require.True(t, isVerdict(err), "%v", err)
			return
		}
		i := which(s.models, r)
		require.GreaterOrEqual(t, i, 0, "a state that never was: %+v", r.Groups)
		if n < len(paths)-1 {
			require.Len(t, s.models, i+1, "damage in the middle made the log forget")
		}
		s.models[i].check(t, l, r)
	})
}

// Goal: no bytes make the decoder of checkpoints panic, and what it accepts has one encoding.
// Method: arbitrary bytes; encode again what was decoded.
func FuzzDecodeCheckpoint(f *testing.F) {
	groups := map[raft.GroupID]*group{
		1:   {state: state{replica: 3, hard: raft.HardState{Term: 9, Vote: 2, Commit: 4}, last: 7, runs: []raft.TermRun{{First: 1, Term: 2}, {First: 5, Term: 9}}}},
		500: {state: state{replica: raft.MakeReplicaID(3, 2), mark: markAt(900, 5), last: 900}},
	}
	f.Add(appendCheckpoint(nil, 4, groups))
	f.Add(appendCheckpoint(nil, 1, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, ok := decodeCheckpoint(data)
		if !ok {
			return
		}
		again := make(map[raft.GroupID]*group)
		for _, g := range c.groups {
			again[g.group] = &group{state: g.state}
		}
		b := appendCheckpoint(nil, c.floor, again)
		c2, ok := decodeCheckpoint(b)
		require.True(t, ok)
		require.Equal(t, c, c2)
		require.LessOrEqual(t, len(b), len(data))
	})
}
