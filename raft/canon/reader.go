package canon

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// What is wrong with an input.
var (
	ErrShort    = errors.New("the input ends too early")
	ErrNumber   = errors.New("a number is too long or not in its shortest form")
	ErrTooLarge = errors.New("more than there may be")
	ErrTrailing = errors.New("bytes after the end")
)

// Reader takes an input apart. The zero Reader is at the end of an empty one.
type Reader struct {
	rest []byte
	err  error
}

// NewReader is a reader at the beginning of b. What Bytes returns shares memory with b.
func NewReader(b []byte) Reader { return Reader{rest: b} }

// Err is the first error, nil if there was none.
func (r *Reader) Err() error { return r.err }

// Fail notes an error, if it is the first.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err, r.rest = err, nil
	}
}

// Done returns the first error; anything that is left is one, too.
func (r *Reader) Done() error {
	if len(r.rest) > 0 {
		r.Fail(ErrTrailing)
	}
	return r.err
}

// Byte reads one byte, 0 after an error.
func (r *Reader) Byte() byte {
	b := r.Bytes(1)
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

// Bytes reads n bytes, none after an error.
func (r *Reader) Bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.Fail(ErrShort)
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// Number reads a number of at most the bound given, 0 after an error.
func (r *Reader) Number(most uint64) uint64 {
	v, n := binary.Uvarint(r.rest)
	switch {
	case n == 0:
		r.Fail(ErrShort)
	case n < 0 || (n > 1 && r.rest[n-1] == 0):
		r.Fail(ErrNumber)
	case v > most:
		r.Fail(fmt.Errorf("%w: %d where %d is the most", ErrTooLarge, v, most))
	default:
		r.rest = r.rest[n:]
		return v
	}
	return 0
}

// Text reads a text of at most so many bytes, after its length.
func (r *Reader) Text(most uint64) string { return string(r.Bytes(r.Number(most))) }
