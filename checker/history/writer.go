package history

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// Writer writes a history as a stream. Operations may come in any order.
type Writer struct {
	buf     *bufio.Writer
	enc     *json.Encoder
	written int64
	err     error
}

// NewWriter writes the header and returns a writer for the operations.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	buf := bufio.NewWriterSize(w, 1<<16)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(h.line()); err != nil {
		return nil, fmt.Errorf("history: writing the header: %w", err)
	}
	return &Writer{buf: buf, enc: enc}, nil
}

// Write writes one operation. It refuses operations that are not valid. After
// an error every further call returns it again.
func (w *Writer) Write(op *Operation) error {
	if w.err != nil {
		return w.err
	}
	l, err := newLine(op)
	if err == nil {
		err = w.enc.Encode(l)
	}
	if err != nil {
		w.err = fmt.Errorf("history: writing operation %d: %w", op.ID, err)
		return w.err
	}
	w.written++
	return nil
}

// Close writes the end line, without which a file counts as cut off, and
// flushes. It does not close the underlying writer.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	err := w.enc.Encode(line{End: true, Operations: &w.written})
	if err == nil {
		err = w.buf.Flush()
	}
	if err != nil {
		w.err = fmt.Errorf("history: writing the end: %w", err)
	}
	return w.err
}

// Write writes a whole history.
func Write(to io.Writer, h *History) error {
	w, err := NewWriter(to, h.Header)
	if err != nil {
		return err
	}
	for i := range h.Operations {
		if err := w.Write(&h.Operations[i]); err != nil {
			return err
		}
	}
	return w.Close()
}
