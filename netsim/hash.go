package netsim

import (
	"math/bits"
	"math/rand/v2"

	"github.com/cespare/xxhash/v2"
)

const (
	mixA = 0x9e3779b97f4a7c15
	mixB = 0xd1b54a32d192ed03
)

// mix folds x into h. It is a multiply-and-fold step: cheap, and every bit of
// both inputs reaches every bit of the result.
func mix(h, x uint64) uint64 {
	hi, lo := bits.Mul64(h^mixA, x^bits.RotateLeft64(h, 32)^mixB)
	return hi ^ lo ^ bits.RotateLeft64(x, 17)
}

// splitmix returns the next number of the stream whose state is *s.
func splitmix(s *uint64) uint64 {
	*s += mixA
	z := *s
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// Scramble turns a number into one that has nothing to do with that of any other number; none is lost. It is the finalizer of
// SplitMix64 (Steele, Lea and Flood 2014).
func Scramble(x uint64) uint64 { return splitmix(&x) }

// Derive returns the 64-bit number that belongs to the identity (seed, purpose,
// ids...). The same identity always gives the same number, and different
// identities give unrelated ones, so no draw depends on what else was drawn.
func Derive(seed uint64, purpose string, ids ...uint64) uint64 {
	h := mix(seed, xxhash.Sum64String(purpose))
	for _, id := range ids {
		h = mix(h, id)
	}
	return splitmix(&h)
}

// NewStream returns the stream of random numbers that belongs to the identity
// (seed, purpose, ids...). It implements env.Rand.
func NewStream(seed uint64, purpose string, ids ...uint64) *rand.Rand {
	s := Derive(seed, purpose, ids...)
	return rand.New(rand.NewPCG(splitmix(&s), splitmix(&s)))
}
