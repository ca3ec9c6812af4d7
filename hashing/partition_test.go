package hashing

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const (
	ishmael = "Call me Ishmael. Some years ago--never mind how long precisely-"
	block   = "a key that is longer than one block of the hash, 32 bytes"
)

// Goal: keys are hashed with xxhash64 and the seed, as RING-1 says, so that a client in another
// language can do it too. Method: published hashes.
func TestHashIsTheRealXXH64(t *testing.T) {
	for _, x := range []struct {
		seed uint64
		in   string
		want uint64
	}{
		{0, "", 0xef46db3751d8e999},
		{0, "a", 0xd24ec4f1a98c6e5b},
		{0, "abc", 0x44bc2cf5ad770999},
		{0, ishmael, 0x02a2e85470d6fd96},
		{123, "", 0xe0db84de91f3e198},
		{2654435761, "", 0xac75fda2929b17ef},
		{math.MaxUint64, "asdf", 0x9a2fd8473be539b6},
		{54321, ishmael, 0x1736d186daf5d1cd},
	} {
		require.Equal(t, x.want, hash(x.seed, []byte(x.in)), "%+v", x)
	}
}

// Goal: the mapping of keys never changes (RING-1). Method: partitions pinned when it was made. If
// this test fails, the code is wrong, never the numbers.
func TestKeysStayInTheirPartitionsForEver(t *testing.T) {
	for _, x := range []struct {
		seed       uint64
		partitions int
		want       [5]int
	}{
		{0, 1, [5]int{1, 1, 1, 1, 1}},
		{0, 7, [5]int{7, 6, 3, 7, 1}},
		{0, 16, [5]int{15, 14, 7, 14, 2}},
		{0, 1000, [5]int{935, 822, 391, 859, 102}},
		{0, 1 << 14, [5]int{15314, 13460, 6396, 14074, 1670}},
		{1, 16, [5]int{14, 14, 1, 10, 13}},
		{1, 1000, [5]int{835, 871, 7, 572, 762}},
		{0xfeedface, 16, [5]int{10, 5, 14, 14, 11}},
		{0xfeedface, 1 << 14, [5]int{10131, 4110, 14072, 14047, 10744}},
		{math.MaxUint64, 7, [5]int{2, 3, 3, 7, 7}},
		{math.MaxUint64, 16, [5]int{3, 7, 6, 15, 16}},
		{math.MaxUint64, 1 << 14, [5]int{2660, 6194, 5573, 14869, 15965}},
	} {
		for i, key := range []string{"", "a", "user1", "k\x00\xff", block} {
			require.Equal(t, x.want[i], Partition(x.seed, x.partitions, []byte(key)), "%+v %q", x, key)
		}
	}
}

// Goal: partitions are ranges of the ring, equal to within one hash, ascending (RING-1), and start
// where rangeStart says. Method: against exact arithmetic, at both sides of every
// border and at random hashes.
func TestPartitionsAreEqualAscendingRanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		partitions := rapid.IntRange(1, MaxPartitions).Draw(t, "partitions")
		ring := new(big.Int).Lsh(big.NewInt(1), 64)
		exact := func(h uint64) int {
			x := new(big.Int).SetUint64(h)
			x.Mul(x, big.NewInt(int64(partitions)))
			return int(x.Div(x, ring).Int64()) + 1
		}
		i := rapid.IntRange(0, partitions-1).Draw(t, "index")
		start := rangeStart(i, partitions)
		require.Equal(t, i+1, partitionOf(start, partitions))
		if i > 0 {
			require.Equal(t, i, partitionOf(start-1, partitions))
		} else {
			require.Zero(t, start)
		}
		end := new(big.Int).Set(ring)
		if i+1 < partitions {
			end.SetUint64(rangeStart(i+1, partitions))
		}
		size := end.Sub(end, new(big.Int).SetUint64(start))
		least := new(big.Int).Div(ring, big.NewInt(int64(partitions)))
		require.LessOrEqual(t, size.Sub(size, least).Int64(), int64(1))
		require.GreaterOrEqual(t, size.Int64(), int64(0))

		a, b := rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b")
		require.Equal(t, exact(a), partitionOf(a, partitions))
		require.LessOrEqual(t, partitionOf(min(a, b), partitions), partitionOf(max(a, b), partitions))
		require.Equal(t, partitions, partitionOf(math.MaxUint64, partitions))
	})
}

// Goal: keys as people choose them are spread evenly over partitions. Method: Pearson's
// chi-square over several shapes of keys, within five standard deviations of
// its mean; and the same measure goes red for hashes that are not spread.
func TestKeysSpreadEvenlyOverPartitions(t *testing.T) {
	const keys, partitions = 50_000, 64
	chiSquare := func(partition func(i int) int) float64 {
		counts := make([]float64, partitions)
		for i := range keys {
			counts[partition(i)-1]++
		}
		sum := 0.0
		for _, c := range counts {
			sum += (c - keys/partitions) * (c - keys/partitions) / (keys / partitions)
		}
		return sum
	}
	const mean = partitions - 1
	limit := mean + 5*math.Sqrt(2*mean)
	for name, key := range map[string]func(i int) []byte{
		"decimal":   func(i int) []byte { return fmt.Appendf(nil, "user%d", i) },
		"padded":    func(i int) []byte { return fmt.Appendf(nil, "/orders/2026/%012d/lines", i) },
		"binary":    func(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) },
		"high bits": func(i int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(i)<<40) },
		"long":      func(i int) []byte { return fmt.Appendf(nil, "%s%d%s", block, i, block) },
	} {
		for _, seed := range []uint64{0, 42, 1 << 63} {
			got := chiSquare(func(i int) int { return Partition(seed, partitions, key(i)) })
			require.Less(t, got, limit, "%s, seed %d", name, seed)
		}
	}
	require.Greater(t, chiSquare(func(i int) int { return partitionOf(uint64(i)<<47, partitions) }), limit)
}

// Goal: another seed is another mapping. Method: count keys that stay; chance leaves one of 64.
func TestSeedsMakeDifferentMappings(t *testing.T) {
	same := 0
	for i := range 6400 {
		key := fmt.Appendf(nil, "user%d", i)
		if Partition(1, 64, key) == Partition(2, 64, key) {
			same++
		}
	}
	require.InDelta(t, 100, same, 50)
}

// Goal: no partitions is a broken caller, not a division by zero or partition 1.
// Method: try it.
func TestPartitionRefusesNoPartitions(t *testing.T) {
	require.PanicsWithValue(t, "hashing: 0 partitions cannot hold a key", func() { Partition(1, 0, nil) })
	require.Panics(t, func() { Partition(1, -3, []byte("a")) })
}
