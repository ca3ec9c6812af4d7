package history

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// MaxLine bounds the length of a line in bytes: three values of 1 MiB with
// every byte escaped, and a key.
const MaxLine = 32 << 20

// Reader reads a history as a stream.
type Reader struct {
	scan   *bufio.Scanner
	header Header
	number int   // of the current line, from 1
	read   int64 // operations
	ended  bool
	err    error
}

// NewReader reads the header and returns a reader for the operations.
func NewReader(r io.Reader) (*Reader, error) {
	rd := &Reader{scan: bufio.NewScanner(r)}
	rd.scan.Buffer(make([]byte, 0, 1<<16), MaxLine)
	data, err := rd.line()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("history: line 1: the input is empty, a header is expected")
	}
	if err != nil {
		return nil, err
	}
	// The format is checked before unknown fields are refused, so that a file
	// of a later version is called that.
	var l headerLine
	err = json.Unmarshal(data, &l)
	if err == nil {
		rd.header, err = l.header()
	}
	if err == nil {
		err = decode(data, &l)
	}
	if err != nil {
		return nil, rd.fail(err)
	}
	return rd, nil
}

// Header is the header of the history.
func (r *Reader) Header() Header { return r.header }

// Next returns the next operation, or io.EOF after the last one. Any other
// error names the line, and is final. Ids and event numbers are not compared
// between operations; History.Validate does that.
func (r *Reader) Next() (Operation, error) {
	if r.err != nil {
		return Operation{}, r.err
	}
	op, err := r.next()
	r.err = err
	return op, err
}

func (r *Reader) next() (Operation, error) {
	data, err := r.line()
	if errors.Is(err, io.EOF) {
		if !r.ended {
			return Operation{}, r.fail(errors.New("the history is cut off: there is no end line"))
		}
		return Operation{}, io.EOF
	}
	if err != nil {
		return Operation{}, err
	}
	if r.ended {
		return Operation{}, r.fail(errors.New("there is a line after the end line"))
	}
	var l line
	if err := decode(data, &l); err != nil {
		return Operation{}, r.fail(err)
	}
	if l.End {
		if l.Operations == nil || *l.Operations != r.read {
			return Operation{}, r.fail(fmt.Errorf("the end line does not match: %d operations were read", r.read))
		}
		r.ended = true
		return r.next()
	}
	op, err := l.operation()
	if err != nil {
		return Operation{}, r.fail(err)
	}
	r.read++
	return op, nil
}

// line returns the next line, without its end.
func (r *Reader) line() ([]byte, error) {
	r.number++
	if r.scan.Scan() {
		data := r.scan.Bytes()
		if !utf8.Valid(data) {
			return nil, r.fail(errors.New("the line is not valid UTF-8"))
		}
		return data, nil
	}
	if err := r.scan.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("the line is longer than %d bytes", MaxLine)
		}
		return nil, r.fail(err)
	}
	return nil, io.EOF
}

func (r *Reader) fail(err error) error {
	return fmt.Errorf("history: line %d: %w", r.number, err)
}

// decode reads one JSON object, refusing fields it does not know and anything
// after the object.
func decode(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("the line is empty or ends in the middle of an object")
		}
		return err
	}
	if rest := bytes.TrimSpace(data[dec.InputOffset():]); len(rest) > 0 {
		return errors.New("there is something after the object")
	}
	return nil
}

// Read reads a whole history, sorts its operations by their calls and
// validates it.
func Read(from io.Reader) (*History, error) {
	r, err := NewReader(from)
	if err != nil {
		return nil, err
	}
	h := &History{Header: r.Header()}
	for {
		op, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		h.Operations = append(h.Operations, op)
	}
	slices.SortFunc(h.Operations, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(a.Call, b.Call), cmp.Compare(a.ID, b.ID))
	})
	if err := h.Validate(); err != nil {
		return nil, err
	}
	return h, nil
}
