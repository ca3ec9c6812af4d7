package hashing

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// Partition returns the partition, 1..partitions, that a key is of: the ring of
// 64-bit hashes is cut into equal ranges. It is a promise on disk: data is
// where it says. Panics if there are no partitions.
func Partition(seed uint64, partitions int, key []byte) int {
	if partitions < 1 {
		panic(fmt.Sprintf("hashing: %d partitions cannot hold a key", partitions))
	}
	return partitionOf(hash(seed, key), partitions)
}

// partitionOf scales a hash to 1..partitions. The high word of the product does that
// without the bias of a remainder, and keeps the order of hashes.
func partitionOf(hash uint64, partitions int) int {
	i, _ := bits.Mul64(hash, uint64(partitions))
	return int(i) + 1
}

// rangeStart is the smallest hash of the partition with index i (number i+1).
func rangeStart(i, partitions int) uint64 {
	start, rest := bits.Div64(uint64(i), 0, uint64(partitions))
	if rest != 0 {
		start++
	}
	return start
}

// hash is xxhash64 with a seed. The digest stays on the stack.
func hash(seed uint64, b []byte) uint64 {
	var d xxhash.Digest
	d.ResetWithSeed(seed)
	_, _ = d.Write(b) // never fails, says the package
	return d.Sum64()
}

// pointOf is where a virtual node is on the ring.
func pointOf(seed, node, virtual uint64) uint64 {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], node)
	binary.LittleEndian.PutUint64(b[8:], virtual)
	return hash(seed, b[:])
}
