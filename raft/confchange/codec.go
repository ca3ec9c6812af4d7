package confchange

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/holdfastdb/holdfast/raft/canon"
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
	errVersion = errors.New("confchange: codec: unknown version of the configuration format")
	errFlags   = errors.New("unknown flags of a member")
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

// reader reads the values of a configuration.
type reader struct{ canon.Reader }

// Decode decodes exactly one valid configuration.
func Decode(b []byte) (Config, error) {
	r := reader{canon.NewReader(b)}
	var c Config
	switch v := r.Byte(); {
	case v == codecVersionEpoch:
		if c.Epoch = r.Number(1<<64 - 1); c.Epoch == 0 {
			r.Fail(canon.ErrNumber)
		}
	case r.Err() == nil && v != codecVersion:
		return Config{}, fmt.Errorf("%w: %d, this build knows up to %d", errVersion, v, codecVersionEpoch)
	}
	c.Generation = uint32(r.Number(1<<32 - 1))
	for range r.Number(MaxMembers) {
		c.Members = append(c.Members, r.member())
	}
	if err := r.Done(); err != nil {
		return Config{}, fmt.Errorf("confchange: codec: %w", err)
	}
	if err := c.Validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

func (r *reader) member() Member {
	m := Member{ID: r.Number(1<<64 - 1)}
	flags := r.Byte()
	if flags > flagsKnown {
		r.Fail(fmt.Errorf("%w: %#x", errFlags, flags))
	}
	m.Voter, m.Outgoing = flags&flagVoter != 0, flags&flagOutgoing != 0
	m.Learner, m.Promote = flags&flagLearner != 0, flags&flagPromote != 0
	m.Store, m.Priority = r.Number(1<<64-1), r.Byte()
	m.Info = r.Text(MaxInfo)
	return m
}
