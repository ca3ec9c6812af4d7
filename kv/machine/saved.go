package machine

import "encoding/binary"

// A saved result is the answer to a command of a session, kept until the
// client says it has it. Its encoding: status, number of operations, then for
// each a byte of flags and, as these say, version and value.

const (
	flagFound byte = 1 << iota
	flagApplied
	flagCondFailed
	// flagOwnVersion says that Version is the index of the command itself.
	flagOwnVersion
	flagVersion
	flagValue
)

// inlineResult is the most bytes a saved result may have to be kept in memory and
// in its session's record; a larger one gets an engine key of its own.
const inlineResult = 1 << 10

// flags are the result's booleans as one byte.
func (r *OpResult) flags() byte {
	var f byte
	if r.Found {
		f |= flagFound
	}
	if r.Applied {
		f |= flagApplied
	}
	if r.CondFailed {
		f |= flagCondFailed
	}
	return f
}

// plainPut is the saved result of the commonest command: one OpPut, carried out.
var plainPut = []byte{byte(StatusOK), 1, flagApplied | flagOwnVersion}

func appendSaved(dst []byte, res *Result) []byte {
	dst = append(dst, byte(res.Status))
	dst = binary.AppendUvarint(dst, uint64(len(res.Ops)))
	for i := range res.Ops {
		op := &res.Ops[i]
		f := op.flags()
		switch {
		case op.Version == res.ResultIndex:
			f |= flagOwnVersion
		case op.Version != 0:
			f |= flagVersion
		}
		if op.Value != nil {
			f |= flagValue
		}
		dst = append(dst, f)
		if f&flagVersion != 0 {
			dst = binary.AppendUvarint(dst, op.Version)
		}
		if f&flagValue != 0 {
			dst = appendBytes(dst, op.Value)
		}
	}
	return dst
}

// decodeSaved fills Status and Ops of res, whose ResultIndex is set. Values share
// memory with b.
func decodeSaved(res *Result, b []byte) error {
	r := cursor{b: b}
	res.Status = Status(r.byte())
	n := r.uvarint()
	if r.bad || n > uint64(len(r.b)) { // a result takes at least one byte
		return errTruncated
	}
	if n > 0 {
		res.Ops = make([]OpResult, n)
	}
	for i := range res.Ops {
		op := &res.Ops[i]
		f := r.byte()
		op.Found = f&flagFound != 0
		op.Applied = f&flagApplied != 0
		op.CondFailed = f&flagCondFailed != 0
		if f&flagOwnVersion != 0 {
			op.Version = res.ResultIndex
		}
		if f&flagVersion != 0 {
			op.Version = r.uvarint()
		}
		if f&flagValue != 0 {
			op.Value = r.bytes()
		}
	}
	switch {
	case r.bad:
		return errTruncated
	case len(r.b) != 0:
		return errTrailing
	}
	return nil
}
