package confchange

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The first byte of an encoded configuration: 2 where an epoch follows, else 1, as before there were
// epochs.
const (
	codecVersion      = 1
	codecVersionEpoch = 2
)

const (
	flagVoter = 1 << iota
	flagOutgoing
	flagLearner
	flagPromote
	flagsKnown = 1<<iota - 1
)

// What decoding can answer, wrapped with what was being read.
var (
	errShort    = errors.New("confchange: codec: the input ends too early")
	errNumber   = errors.New("confchange: codec: a number is too long or not in its shortest form")
	errVersion  = errors.New("confchange: codec: unknown version of the configuration format")
	errFlags    = errors.New("confchange: codec: unknown flags of a member")
	errTooLarge = errors.New("confchange: codec: more than a configuration may hold")
	errTrailing = errors.New("confchange: codec: bytes after the end of the configuration")
)

// Append appends the encoding of the configuration to dst:
//
//	version (one byte; 2 if there is an epoch, else 1), the epoch if there is one, generation,
//	number of members, and of each member
//	id, flags (one byte), store, priority (one byte), length of the information, information
//
// Numbers are unsigned varints in their shortest form and members are ascending, so that every
// configuration has exactly one encoding.
func (c Config) Append(dst []byte) []byte {
	if c.Epoch == 0 {
		dst = append(dst, codecVersion)
	} else {
		dst = binary.AppendUvarint(append(dst, codecVersionEpoch), c.Epoch)
	}
	dst = binary.AppendUvarint(dst, uint64(c.Generation))
	dst = binary.AppendUvarint(dst, uint64(len(c.Members)))
	for i := range c.Members {
		m := &c.Members[i]
		var flags byte
		for bit, on := range [...]bool{m.Voter, m.Outgoing, m.Learner, m.Promote} {
			if on {
				flags |= 1 << bit
			}
		}
		dst = binary.AppendUvarint(dst, m.ID)
		dst = append(dst, flags)
		dst = binary.AppendUvarint(dst, m.Store)
		dst = append(dst, m.Priority)
		dst = binary.AppendUvarint(dst, uint64(len(m.Info)))
		dst = append(dst, m.Info...)
	}
	return dst
}

// reader takes an input apart; the first error sticks.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err, r.b = err, nil
	}
}

func (r *reader) byte() byte {
	b := r.bytes(1)
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail(errShort)
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) number(most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	switch {
	case n == 0:
		r.fail(errShort)
	case n < 0 || (n > 1 && r.b[n-1] == 0):
		r.fail(errNumber)
	case v > most:
		r.fail(fmt.Errorf("%w: %d where %d is the most", errTooLarge, v, most))
	default:
		r.b = r.b[n:]
		return v
	}
	return 0
}

// Decode decodes exactly one valid configuration.
func Decode(b []byte) (Config, error) {
	r := reader{b: b}
	var c Config
	switch v := r.byte(); {
	case v == codecVersionEpoch:
		if c.Epoch = r.number(1<<64 - 1); c.Epoch == 0 {
			r.fail(errNumber)
		}
	case r.err == nil && v != codecVersion:
		return Config{}, fmt.Errorf("%w: %d, this build knows up to %d", errVersion, v, codecVersionEpoch)
	}
	c.Generation = uint32(r.number(1<<32 - 1))
	for range r.number(MaxMembers) {
		c.Members = append(c.Members, r.member())
	}
	if len(r.b) > 0 {
		r.fail(errTrailing)
	}
	if r.err != nil {
		return Config{}, r.err
	}
	if err := c.Validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

func (r *reader) member() Member {
	m := Member{ID: r.number(1<<64 - 1)}
	flags := r.byte()
	if flags > flagsKnown {
		r.fail(fmt.Errorf("%w: %#x", errFlags, flags))
	}
	m.Voter, m.Outgoing = flags&flagVoter != 0, flags&flagOutgoing != 0
	m.Learner, m.Promote = flags&flagLearner != 0, flags&flagPromote != 0
	m.Store, m.Priority = r.number(1<<64-1), r.byte()
	m.Info = string(r.bytes(r.number(MaxInfo)))
	return m
}
