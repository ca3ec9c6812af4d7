package core

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// pairsOf is an answer with the keys.
func pairsOf(more bool, keys ...[]byte) *kvpb.Response {
	resp := &kvpb.Response{Code: kvpb.Code_OK, More: more}
	for i, key := range keys {
		resp.Pairs = append(resp.Pairs, &kvpb.Pair{Key: key, Value: append([]byte("of "), key...), Version: uint64(i) + 1})
	}
	return resp
}

// page asks for a page and returns its request.
func (s *script) page(op Op) Send {
	s.t.Helper()
	op.Kind = Scan
	s.submit(op)
	sent := s.next()
	require.Equal(s.t, kvpb.RequestKind_SCAN, sent.Request.Kind)
	return sent
}

// Goal: CORE-17, a scan goes through the partitions in their order, page by page, each from where the page before
// ended. Method: three partitions of two pages, none, and one page; by plain, stale and follower reads.
func TestScanGoesThroughThePartitions(t *testing.T) {
	for _, op := range []Op{{}, {Stale: true}, {Follower: true}} {
		s := shardScript(t, 3, 3, nil)
		op.Prefix, op.Limit = []byte("key"), 5
		k1, k2, k3 := keyIn(3, 1, 0), keyIn(3, 1, 1), keyIn(3, 3, 0)
		if bytes.Compare(k1, k2) > 0 {
			k1, k2 = k2, k1
		}
		steps := []struct {
			partition uint64
			after     []byte
			answer    *kvpb.Response
		}{
			{1, nil, pairsOf(true, k1)}, {1, k1, pairsOf(false, k2)}, {2, nil, pairsOf(false)}, {3, nil, pairsOf(false, k3)},
		}
		for i, step := range steps {
			sent := s.page(op)
			r := sent.Request
			require.Equal(t, []any{step.partition, "key", uint32(5), op.Stale, op.Follower}, []any{r.Partition, string(r.ScanPrefix), r.ScanLimit, r.Stale, r.Follower})
			require.Equal(t, string(step.after), string(r.ScanAfter))
			s.answer(sent, step.answer)
			d := s.completion()
			require.Equal(t, OK, d.Outcome)
			require.Len(t, d.Result.Pairs, len(step.answer.Pairs))
			for _, p := range d.Result.Pairs {
				require.Equal(t, "of "+string(p.Key), string(p.Value))
				require.Equal(t, uint64(1), p.Version)
			}
			require.Equal(t, i == len(steps)-1, d.Result.Cursor == nil)
			op.Cursor = d.Result.Cursor
		}
	}
}

// Goal: in a cluster that is not sharded a scan is of the only group. Method: two pages.
func TestScanOfOneGroup(t *testing.T) {
	s := newScript(t, 2, func(c *Config) { c.Partition = 4 })
	sent := s.page(Op{})
	require.Equal(t, uint64(4), sent.Request.Partition)
	s.answer(sent, pairsOf(true, []byte("a")))
	sent = s.page(Op{Cursor: s.completion().Result.Cursor})
	require.Equal(t, []any{uint64(4), "a"}, []any{sent.Request.Partition, string(sent.Request.ScanAfter)})
	s.answer(sent, pairsOf(false, []byte("b")))
	require.Nil(t, s.completion().Result.Cursor)
}

// Goal: CORE-17, an answer that would break the promise of a scan is an error: keys that do not ascend, of another
// prefix or partition, more than asked for, none though there are more. Method: one of each.
func TestSensePagesAreDemanded(t *testing.T) {
	k1, k2 := keyIn(3, 1, 0), keyIn(3, 1, 1)
	if bytes.Compare(k1, k2) > 0 {
		k1, k2 = k2, k1
	}
	for what, answer := range map[string]*kvpb.Response{
		"does not ascend":    pairsOf(false, k2, k1),
		"which does not asc": pairsOf(false, k1, k1),
		"prefix":             pairsOf(false, []byte("other")),
		"of which it is not": pairsOf(false, keyIn(3, 2, 0)),
		"at most 2":          pairsOf(false, k1, k2, keyIn(3, 1, 2)),
		"there are more":     pairsOf(true),
		"CONDITION_FAILED":   {Code: kvpb.Code_CONDITION_FAILED},
		"the key \"\"":       pairsOf(false, nil),
	} {
		s := shardScript(t, 3, 3, nil)
		s.answer(s.page(Op{Prefix: []byte("key"), Limit: 2}), answer)
		require.Contains(t, s.done[0].Err.Message, what)
		s.ended(Failed, ReasonBadAnswer)
	}
}

// Goal: a cursor is refused if it is damaged, of another version, prefix or cluster. Method: each of these, and a limit
// and a prefix beyond their bounds.
func TestCursorsAreChecked(t *testing.T) {
	s := shardScript(t, 3, 3, nil)
	s.answer(s.page(Op{Prefix: []byte("key")}), pairsOf(false))
	cursor := s.completion().Result.Cursor
	other := position{partition: 2, partitions: 4, seed: testSeed, prefix: []byte("key")}
	seed := position{partition: 2, partitions: 3, seed: 1, prefix: []byte("key")}
	one := position{prefix: []byte("key"), after: []byte("keys")}
	nowhere := position{partition: 0, partitions: 3, seed: testSeed, prefix: []byte("key")}
	damaged := bytes.Clone(cursor)
	damaged[3] ^= 1
	for _, c := range []struct {
		what string
		op   Op
	}{
		{"is damaged", Op{Prefix: []byte("key"), Cursor: damaged}},
		{"is damaged", Op{Prefix: []byte("key"), Cursor: cursor[:len(cursor)-1]}},
		{"is damaged", Op{Prefix: []byte("key"), Cursor: []byte("abc")}},
		{"is damaged", Op{Prefix: []byte("key"), Cursor: nowhere.cursor()}},
		{"of the prefix \"key\", not of \"ke\"", Op{Prefix: []byte("ke"), Cursor: cursor}},
		{"of 4 partitions", Op{Prefix: []byte("key"), Cursor: other.cursor()}},
		{"with the seed 1", Op{Prefix: []byte("key"), Cursor: seed.cursor()}},
		{"of 0 partitions", Op{Prefix: []byte("key"), Cursor: one.cursor()}},
		{"-1 were asked for", Op{Limit: -1}},
		{"1048577 were asked for", Op{Limit: maxPage + 1}},
		{"5000 bytes", Op{Prefix: []byte(strings.Repeat("p", 5000))}},
	} {
		c.op.Kind = Scan
		s.submit(c.op)
		require.Contains(t, s.done[0].Err.Message, c.what)
		s.ended(Failed, ReasonInvalid)
	}
	s.idle()
	require.Equal(t, uint64(2), s.page(Op{Prefix: []byte("key"), Cursor: cursor}).Request.Partition)
	single := newScript(t, 1, nil)
	single.submit(Op{Kind: Scan, Prefix: []byte("key"), Cursor: cursor})
	require.Contains(t, single.done[0].Err.Message, "of another cluster")
}

// Goal: a cursor of a later format says so, instead of being called damaged. Method: one made by hand.
func TestCursorsOfOtherVersionsAreNamed(t *testing.T) {
	p := position{}
	c := p.cursor()
	c[0] = 2
	_, err := readCursor(reseal(c))
	require.ErrorContains(t, err, "of version 2")
}

// reseal makes the checksum of a cursor right.
func reseal(c []byte) []byte { return sealed(c[:len(c)-4]) }

// Goal: a cursor stands for its position, and no bytes make the reading of one panic. Method: random positions, and
// their cursors with other bytes but a right checksum.
func TestCursorsAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := position{partitions: rapid.Uint64Range(0, 70000).Draw(t, "partitions"), seed: rapid.Uint64().Draw(t, "seed")}
		if p.partitions > 0 {
			p.partition = rapid.Uint64Range(1, p.partitions).Draw(t, "partition")
		}
		p.prefix = rapid.SliceOfN(rapid.Byte(), 0, 6).Draw(t, "prefix")
		if rapid.Bool().Draw(t, "inside") {
			p.after = append(bytes.Clone(p.prefix), rapid.SliceOfN(rapid.Byte(), 0, 6).Draw(t, "suffix")...)
		}
		c := p.cursor()
		back, err := readCursor(c)
		require.NoError(t, err)
		if len(p.after) == 0 && p.after != nil {
			require.NotNil(t, back.after)
		}
		require.Equal(t, fmt.Sprintf("%q %v", p.prefix, p.after == nil), fmt.Sprintf("%q %v", back.prefix, back.after == nil))
		require.Equal(t, string(p.after), string(back.after))
		require.Equal(t, []uint64{p.partitions, p.partition, p.seed}, []uint64{back.partitions, back.partition, back.seed})
		if i := rapid.IntRange(0, len(c)-1).Draw(t, "at"); i > 0 {
			c[i] = rapid.Byte().Draw(t, "byte")
			if q, err := readCursor(reseal(c)); err == nil {
				require.LessOrEqual(t, q.partition, q.partitions)
			}
		}
		_, _ = readCursor(reseal(append(c[:rapid.IntRange(1, len(c)).Draw(t, "cut")], 0, 0, 0, 0)))
	})
}
