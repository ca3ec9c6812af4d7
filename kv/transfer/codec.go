package transfer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"

	"github.com/holdfastdb/holdfast/raft"
)

// codecVersion is the first byte of every message. A reader refuses versions it does not know.
const codecVersion = 1

// ackTag follows the version in an Ack, the Kind in a Chunk.
const ackTag = 0x80

// maxNumber bounds the number of a chunk: sums with it do not overflow.
const maxNumber = 1 << 62

// A message is version, tag, its fields in the order of the struct, and the CRC32C of all
// before. Numbers are unsigned varints in their shortest form, byte strings have their
// length in front, hashes and streams are eight bytes, little endian. Fields that
// its kind does not use are left out.

// What decoding can answer, wrapped with what was being read.
var (
	errShort    = errors.New("the input ends too early")
	errNumber   = errors.New("a number is too long or not in its shortest form")
	errLong     = errors.New("a byte string is longer than its bound")
	errVersion  = errors.New("unknown version of the message format")
	errKind     = errors.New("unknown kind of message")
	errField    = errors.New("a field contradicts the others")
	errChecksum = errors.New("the checksum does not match: the message was damaged on its way")
	errTrailing = errors.New("bytes after the end of the message")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendChunk appends the encoding of c to dst. A chunk that DecodeChunk would refuse
// panics.
func AppendChunk(dst []byte, c *Chunk) []byte {
	if err := c.check(); err != nil {
		panic(fmt.Sprintf("transfer: encoding a malformed chunk: %v", err))
	}
	start := len(dst)
	dst = append(dst, codecVersion, byte(c.Kind))
	for _, v := range [...]uint64{uint64(c.Group), uint64(c.From), uint64(c.To), c.Term, c.Join, c.Mark.Index, c.Mark.Term} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = appendBytes(dst, c.Mark.Config)
	dst = binary.LittleEndian.AppendUint64(dst, c.StateHash)
	dst = binary.LittleEndian.AppendUint64(dst, c.Stream)
	dst = binary.AppendUvarint(dst, c.Try)
	if c.Kind != Probe {
		dst = binary.AppendUvarint(dst, c.Number)
		dst = appendBytes(dst, c.After)
	}
	switch c.Kind {
	case Data:
		dst = appendBytes(dst, c.Data)
	case End:
		dst = binary.AppendUvarint(dst, c.Pairs)
		dst = binary.LittleEndian.AppendUint64(dst, c.Sum)
	}
	return seal(dst, start)
}

// DecodeChunk reads a chunk, which must be all of b. The chunk's byte strings alias b.
func DecodeChunk(b []byte) (Chunk, error) {
	r := open(b)
	c := Chunk{Kind: Kind(r.tag())}
	if r.err == nil && (c.Kind < Probe || c.Kind > End) {
		r.err = errKind
	}
	c.Group, c.From, c.To = raft.GroupID(r.number()), raft.ReplicaID(r.number()), raft.ReplicaID(r.number())
	c.Term, c.Join = r.number(), r.number()
	c.Mark = raft.Mark{Index: r.number(), Term: r.number(), Config: r.bytes(MaxConfig)}
	c.StateHash, c.Stream, c.Try = r.hash(), r.hash(), r.number()
	if c.Kind != Probe {
		c.Number, c.After = r.number(), r.bytes(MaxKey)
	}
	switch c.Kind {
	case Data:
		c.Data = r.bytes(MaxData)
	case End:
		c.Pairs, c.Sum = r.number(), r.hash()
	}
	if err := r.end(c.check); err != nil {
		return Chunk{}, fmt.Errorf("transfer: chunk of a state: %w", err)
	}
	return c, nil
}

// check holds a chunk to what its kind allows.
func (c *Chunk) check() error {
	plain := c.Number == 0 && len(c.After) == 0
	ok := c.Group != 0 && c.From != 0 && c.To != 0 && c.Mark.Index != 0 && c.Try != 0 && c.Number <= maxNumber
	ok = ok && (c.Number != 0 || len(c.After) == 0)
	switch c.Kind {
	case Probe:
		ok = ok && plain && len(c.Data) == 0 && c.Pairs == 0 && c.Sum == 0
	case Data:
		ok = ok && len(c.Data) != 0 && c.Pairs == 0 && c.Sum == 0
	case End:
		ok = ok && len(c.Data) == 0
	default:
		ok = false
	}
	if !ok {
		return errField
	}
	if len(c.Mark.Config) > MaxConfig || len(c.After) > MaxKey || len(c.Data) > MaxData {
		return errLong
	}
	return nil
}

// AppendAck appends the encoding of a to dst. An ack that DecodeAck would refuse panics.
func AppendAck(dst []byte, a *Ack) []byte {
	if err := a.check(); err != nil {
		panic(fmt.Sprintf("transfer: encoding a malformed ack: %v", err))
	}
	start := len(dst)
	dst = append(dst, codecVersion, ackTag)
	for _, v := range [...]uint64{uint64(a.Group), uint64(a.From), uint64(a.To), a.Term, a.Identity.Index, a.Identity.Term} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = binary.LittleEndian.AppendUint64(dst, a.Identity.StateHash)
	dst = binary.LittleEndian.AppendUint64(dst, a.Stream)
	dst = binary.AppendUvarint(dst, a.Try)
	dst = append(dst, byte(a.Status))
	switch a.Status {
	case Refused:
		dst = append(dst, byte(a.Reason))
	case Going:
		dst = binary.AppendUvarint(dst, a.At.Next)
		dst = appendBytes(dst, a.At.After)
		dst = binary.LittleEndian.AppendUint64(dst, a.At.Sum)
		dst = binary.AppendUvarint(dst, a.Want)
	}
	return seal(dst, start)
}

// DecodeAck reads an ack, which must be all of b. The position's key aliases b.
func DecodeAck(b []byte) (Ack, error) {
	r := open(b)
	if r.tag() != ackTag && r.err == nil {
		r.err = errKind
	}
	var a Ack
	a.Group, a.From, a.To = raft.GroupID(r.number()), raft.ReplicaID(r.number()), raft.ReplicaID(r.number())
	a.Term = r.number()
	a.Identity = Identity{Index: r.number(), Term: r.number(), StateHash: r.hash()}
	a.Stream, a.Try = r.hash(), r.number()
	a.Status = Status(r.tag())
	switch a.Status {
	case Refused:
		a.Reason = Reason(r.tag())
	case Going:
		a.At = Position{Next: r.number(), After: r.bytes(MaxKey), Sum: r.hash()}
		a.Want = r.number()
	}
	if err := r.end(a.check); err != nil {
		return Ack{}, fmt.Errorf("transfer: answer to a chunk: %w", err)
	}
	return a, nil
}

// check holds an ack to what its status allows.
func (a *Ack) check() error {
	ok := a.Group != 0 && a.From != 0 && a.To != 0 && a.Identity.Index != 0 && a.Try != 0 && a.At.Next <= maxNumber
	ok = ok && a.Status >= Going && a.Status <= Refused
	if a.Status == Refused {
		ok = ok && a.Reason >= StaleTerm && a.Reason <= InstallFailed
	} else {
		ok = ok && a.Reason == 0
	}
	if a.Status == Going {
		ok = ok && a.Want >= a.At.Next && (a.At.Next != 0 || len(a.At.After) == 0)
	} else {
		ok = ok && a.At.Next == 0 && len(a.At.After) == 0 && a.At.Sum == 0 && a.Want == 0
	}
	if !ok {
		return errField
	}
	if len(a.At.After) > MaxKey {
		return errLong
	}
	return nil
}

// IsAck tells whether an encoded message is an Ack rather than a Chunk.
func IsAck(b []byte) bool { return len(b) > 1 && b[1] == ackTag }

func appendBytes(dst, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

// seal appends the checksum of the message that starts at start.
func seal(dst []byte, start int) []byte {
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// reader takes a message apart. After an error all it returns is zero.
type reader struct {
	rest []byte
	err  error
}

// open checks what all messages have, and leaves the tag and the fields.
func open(b []byte) *reader {
	r := &reader{}
	switch {
	case len(b) < 1+crc32.Size:
		r.err = errShort
		return r
	case b[0] != codecVersion:
		r.err = fmt.Errorf("%w: it is %d, this node understands %d", errVersion, b[0], codecVersion)
		return r
	}
	body, sum := b[:len(b)-crc32.Size], b[len(b)-crc32.Size:]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(sum) {
		r.err = errChecksum
		return r
	}
	r.rest = body[1:]
	return r
}

func (r *reader) take(n int) []byte {
	if r.err == nil && len(r.rest) < n {
		r.err = errShort
	}
	if r.err != nil {
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) tag() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) hash() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) number() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.rest)
	switch {
	case n == 0:
		r.err = errShort
	case n < 0 || n != (bits.Len64(v|1)+6)/7:
		r.err = errNumber
	default:
		r.rest = r.rest[n:]
		return v
	}
	return 0
}

// bytes reads a byte string of at most limit bytes; an empty one is nil.
func (r *reader) bytes(limit int) []byte {
	n := r.number()
	if n > uint64(limit) && r.err == nil {
		r.err = errLong
	}
	if r.err != nil || n == 0 {
		return nil
	}
	return r.take(int(n))
}

// end says what was wrong with the message.
func (r *reader) end(check func() error) error {
	if r.err == nil && len(r.rest) != 0 {
		r.err = errTrailing
	}
	if r.err == nil {
		r.err = check()
	}
	return r.err
}
