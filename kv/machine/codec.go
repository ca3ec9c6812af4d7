package machine

import (
	"encoding/binary"
	"errors"
)

// commandVersion is the first byte of every encoded command.
const commandVersion = 1

var (
	errTruncated = errors.New("machine: the record ends early")
	errTrailing  = errors.New("machine: bytes follow the end of the record")
	errVersion   = errors.New("machine: the format version is not one this build knows")
	errKind      = errors.New("machine: the command has an unknown kind, operation or condition")
)

// AppendCommand appends the encoding of c (docs: doc.go, "Commands") to dst.
func AppendCommand(dst []byte, c *Command) []byte {
	dst = append(dst, commandVersion, byte(c.Kind))
	dst = binary.AppendUvarint(dst, uint64(c.Time))
	dst = binary.AppendUvarint(dst, c.Session)
	dst = binary.AppendUvarint(dst, c.Seq)
	dst = binary.AppendUvarint(dst, c.Acked)
	dst = binary.AppendUvarint(dst, uint64(len(c.Ops)))
	for i := range c.Ops {
		dst = appendOp(dst, &c.Ops[i])
	}
	return dst
}

func appendOp(dst []byte, op *Op) []byte {
	dst = append(dst, byte(op.Kind)|byte(op.Cond)<<4)
	dst = appendBytes(dst, op.Key)
	if op.Kind == OpPut {
		dst = appendBytes(dst, op.Value)
	}
	switch op.Cond {
	case CondVersion:
		dst = binary.AppendUvarint(dst, op.CondVersion)
	case CondValue:
		dst = appendBytes(dst, op.CondValue)
	case CondNone, CondAbsent, CondExists:
	}
	return dst
}

// DecodeCommand reads an encoded command. Its byte slices share memory with b.
func DecodeCommand(b []byte) (Command, error) {
	var c Command
	err := decodeCommand(&c, b)
	return c, err
}

// decodeCommand is DecodeCommand into c, whose Ops' memory is used again.
func decodeCommand(c *Command, b []byte) error {
	ops := c.Ops[:0]
	*c = Command{}
	r := cursor{b: b}
	if v := r.byte(); !r.bad && v != commandVersion {
		return errVersion
	}
	c.Kind = CommandKind(r.byte())
	c.Time = int64(r.uvarint())
	c.Session = r.uvarint()
	c.Seq = r.uvarint()
	c.Acked = r.uvarint()
	n := r.uvarint()
	if r.bad || n > uint64(len(r.b)) { // an operation takes more than one byte
		return errTruncated
	}
	if c.Kind < CmdApply || c.Kind > CmdKeepAlive || (c.Kind != CmdApply && n != 0) {
		return errKind
	}
	for range n {
		var op Op
		if err := decodeOp(&op, &r); err != nil {
			return err
		}
		ops = append(ops, op)
	}
	if len(r.b) != 0 {
		return errTrailing
	}
	c.Ops = ops
	return nil
}

func decodeOp(op *Op, r *cursor) error {
	tag := r.byte()
	op.Kind, op.Cond = OpKind(tag&15), CondKind(tag>>4)
	op.Key = r.bytes()
	if op.Kind == OpPut {
		op.Value = r.bytes()
	}
	switch op.Cond {
	case CondVersion:
		op.CondVersion = r.uvarint()
	case CondValue:
		op.CondValue = r.bytes()
	case CondNone, CondAbsent, CondExists:
	}
	if r.bad {
		return errTruncated
	}
	if op.Kind < OpPut || op.Kind > OpGet || op.Cond > CondValue {
		return errKind
	}
	return nil
}

func appendBytes(dst, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

// cursor reads a record from front to back. After the first failure it is bad
// and everything it returns is zero.
type cursor struct {
	b   []byte
	bad bool
}

func (r *cursor) fail() {
	r.b, r.bad = nil, true
}

func (r *cursor) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *cursor) uint64() uint64 {
	if len(r.b) < 8 {
		r.fail()
		return 0
	}
	v := binary.BigEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

// bytes reads a length and so many bytes, which share memory with the record.
func (r *cursor) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}
