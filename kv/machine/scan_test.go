package machine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfastdb/holdfast/kv/machine"
	"github.com/holdfastdb/holdfast/raft"
)

func bytesOf(least, most int) *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]byte("ab\xff\x00")), least, most), func(b []byte) string { return string(b) })
}

// Goal: pages of a scan, each begun behind the one before, give every key with the prefix once, in order, with
// its value and version. Method: random keys of few letters, the highest byte among them, and pages of
// any size, compared with a sorted list.
func TestPagesOfAScanCoverThePrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := bytesOf(1, 4)
		keys := rapid.SliceOfN(key, 0, 12).Draw(t, "keys")
		m := open(t, openEngine(t, vfs.NewMem(), 0), tinyLimits())
		versions := map[string]uint64{}
		for i, k := range keys {
			index := uint64(i + 1)
			c := apply(0, 0, machine.Op{Kind: machine.OpPut, Key: []byte(k), Value: fmt.Appendf(nil, "v%d", index)})
			_, err := m.Apply([]raft.Entry{{Index: index, Term: 1, Data: machine.AppendCommand(nil, &c)}}, nil)
			require.NoError(t, err)
			versions[k] = index
		}
		prefix := bytesOf(0, 2).Draw(t, "prefix")
		var want []string
		for k := range versions {
			if strings.HasPrefix(k, prefix) {
				want = append(want, k)
			}
		}
		slices.Sort(want)
		var got []string
		after := []byte(nil)
		for more := true; more; {
			var pairs []machine.Pair
			var err error
			pairs, more, err = m.Scan([]byte(prefix), after, rapid.IntRange(1, 4).Draw(t, "limit"), rapid.IntRange(1, 20).Draw(t, "bytes"))
			require.NoError(t, err)
			require.False(t, more && len(pairs) == 0, "a page that has nothing has nothing after it")
			for _, p := range pairs {
				got = append(got, string(p.Key))
				require.Equal(t, versions[string(p.Key)], p.Version)
				require.Equal(t, fmt.Sprintf("v%d", p.Version), string(p.Value))
				after = p.Key
			}
		}
		require.Equal(t, want, got)
	})
}
