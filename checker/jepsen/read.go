package jepsen

import (
	"errors"
	"fmt"
	"io"

	"olympos.io/encoding/edn"

	"github.com/holdfastdb/holdfast/checker/history"
)

// theKey stands for the key in histories of one register.
const theKey = "register"

// event is one line of a Jepsen history.
type event struct {
	kind, function string
	process        int64
	value          any
	time           int64
	message        string
}

// Read reads a history.
func Read(from io.Reader) (*history.History, error) {
	events, err := readEvents(from)
	if err != nil {
		return nil, err
	}
	r := reader{
		keyed: keyed(events), open: make(map[int64]int), texts: make(map[string]bool),
		h: &history.History{Header: history.Header{Source: "jepsen", Clock: "virtual"}},
	}
	for i := range events {
		if err := r.take(&events[i], int64(i)+1); err != nil {
			return nil, fmt.Errorf("jepsen: operation %d: %w", i, err)
		}
	}
	if err := r.h.Validate(); err != nil {
		return nil, fmt.Errorf("jepsen: %w", err)
	}
	return r.h, nil
}

// readEvents returns what clients did; the nemesis takes no part.
func readEvents(from io.Reader) (events []event, err error) {
	d := edn.NewDecoder(from)
	for n := 0; ; n++ {
		var top any
		if err := d.Decode(&top); errors.Is(err, io.EOF) {
			return events, nil
		} else if err != nil {
			return nil, fmt.Errorf("jepsen: the EDN after operation %d: %w", len(events), err)
		}
		list, ok := top.([]any)
		if !ok {
			list = []any{top}
		}
		for _, x := range list {
			e, client, err := toEvent(x)
			if err != nil {
				return nil, fmt.Errorf("jepsen: operation %d: %w", len(events), err)
			}
			if client {
				events = append(events, e)
			}
		}
	}
}

func toEvent(x any) (e event, client bool, err error) {
	if tag, ok := x.(edn.Tag); ok {
		x = tag.Value
	}
	m, ok := x.(map[any]any)
	if !ok {
		return e, false, fmt.Errorf("it is a %T, not a map", x)
	}
	if e.process, client = m[edn.Keyword("process")].(int64); !client {
		return e, false, nil
	}
	kind, _ := m[edn.Keyword("type")].(edn.Keyword)
	function, ok := m[edn.Keyword("f")].(edn.Keyword)
	if !ok {
		return e, true, errors.New("it has no :f")
	}
	e.kind, e.function, e.value = string(kind), string(function), m[edn.Keyword("value")]
	e.time, _ = m[edn.Keyword("time")].(int64)
	if cause := m[edn.Keyword("error")]; cause != nil {
		e.message = fmt.Sprint(cause)
	}
	return e, true, nil
}

// keyed tells whether all values are [key value]. A :cas has the old and the new value in a vector of its own then.
func keyed(events []event) bool {
	for i := range events {
		pair, ok := events[i].value.([]any)
		if !ok || len(pair) != 2 {
			return false
		}
		if inner, ok := pair[1].([]any); events[i].function == "cas" && (!ok || len(inner) != 2) {
			return false
		}
	}
	return true
}

// reader builds a history.
type reader struct {
	h     *history.History
	keyed bool
	// open is where the operation of each process is in the history.
	open map[int64]int
	// texts tells of each value whether it was a string: 1 and "1" are two values.
	texts map[string]bool
}

func (r *reader) take(e *event, at int64) error {
	if e.kind == "invoke" {
		if _, busy := r.open[e.process]; busy {
			return fmt.Errorf("process %d begins an operation before the one before has ended", e.process)
		}
		op, err := r.called(e, at)
		if err != nil {
			return err
		}
		r.open[e.process] = len(r.h.Operations)
		r.h.Operations = append(r.h.Operations, op)
		return nil
	}
	i, open := r.open[e.process]
	if !open {
		return fmt.Errorf("process %d ends an operation that it never began", e.process)
	}
	delete(r.open, e.process)
	return r.returned(&r.h.Operations[i], e, at)
}

func (r *reader) called(e *event, at int64) (op history.Operation, err error) {
	op = history.Operation{
		ID: history.OpID(len(r.h.Operations) + 1), Client: uint64(e.process), Call: at, CallTime: e.time,
		Return: history.Never, Outcome: history.Unknown,
	}
	key, value, err := r.split(e)
	if err != nil {
		return op, err
	}
	op.Key = key
	switch e.function {
	case "read":
		op.Kind = history.Get
		return op, nil
	case "write":
		op.Kind = history.Put
		if value == nil {
			return op, errors.New("a :write of nil: no history of Holdfast can say that nothing is known of what was erased")
		}
		op.Value, err = r.text(value)
		return op, err
	case "cas":
		pair, ok := value.([]any)
		if !ok || len(pair) != 2 || pair[1] == nil {
			return op, errors.New("a :cas without the vector of the old and the new value")
		}
		op.Kind = history.CASValue
		if pair[0] == nil {
			op.Kind = history.PutIfAbsent
		} else if op.ExpectValue, err = r.text(pair[0]); err != nil {
			return op, err
		}
		op.Value, err = r.text(pair[1])
		return op, err
	}
	return op, fmt.Errorf(":f is :%s, known are :read, :write and :cas", e.function)
}

func (r *reader) returned(op *history.Operation, e *event, at int64) error {
	op.ReturnTime = e.time
	switch e.kind {
	case "info":
		op.Error = e.message
		return nil
	case "fail":
		op.Outcome, op.Return, op.Error = history.Failed, at, e.message
		return nil
	case "ok":
	default:
		return fmt.Errorf(":type is :%s, known are :invoke, :ok, :fail and :info", e.kind)
	}
	op.Outcome, op.Return = history.OK, at
	key, value, err := r.split(e)
	if err != nil {
		return err
	}
	if key != op.Key {
		return fmt.Errorf("it began with key %q and ended with %q", op.Key, key)
	}
	switch op.Kind {
	case history.Get:
		if value != nil {
			op.Result.Found = true
			op.Result.Value, err = r.text(value)
		}
	case history.CASValue, history.PutIfAbsent:
		op.Result.Swapped = true
	}
	return err
}

// split takes key and value apart.
func (r *reader) split(e *event) (key string, value any, err error) {
	if !r.keyed {
		return theKey, e.value, nil
	}
	pair := e.value.([]any)
	if pair[0] == nil {
		return "", nil, errors.New("the key is nil")
	}
	key, err = asText(pair[0])
	return key, pair[1], err
}

// text returns a value as a string.
func (r *reader) text(value any) (string, error) {
	text, err := asText(value)
	if err != nil {
		return "", err
	}
	_, isString := value.(string)
	if was, seen := r.texts[text]; seen && was != isString {
		return "", fmt.Errorf("%s is used as a string and as something else", text)
	}
	r.texts[text] = isString
	return text, nil
}
