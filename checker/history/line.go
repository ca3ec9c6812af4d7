package history

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// line is an operation, or the end line, in the file. Bytes that are valid
// UTF-8 are written as text, others in base64 under the name with _b64.
type line struct {
	ID            OpID    `json:"id,omitempty"`
	Client        uint64  `json:"client,omitempty"`
	Kind          string  `json:"kind,omitempty"`
	Key           *string `json:"key,omitempty"`
	KeyB64        []byte  `json:"key_b64,omitempty"`
	Value         *string `json:"value,omitempty"`
	ValueB64      []byte  `json:"value_b64,omitempty"`
	Expect        *string `json:"expect_value,omitempty"`
	ExpectB64     []byte  `json:"expect_value_b64,omitempty"`
	ExpectVersion uint64  `json:"expect_version,omitempty"`
	Stale         bool    `json:"stale,omitempty"`
	Call          int64   `json:"call,omitempty"`
	Return        *int64  `json:"return,omitempty"`
	CallTime      int64   `json:"call_time,omitempty"`
	ReturnTime    int64   `json:"return_time,omitempty"`
	Outcome       string  `json:"outcome,omitempty"`
	Error         string  `json:"error,omitempty"`
	Found         bool    `json:"found,omitempty"`
	Swapped       bool    `json:"swapped,omitempty"`
	Result        *string `json:"result,omitempty"`
	ResultB64     []byte  `json:"result_b64,omitempty"`
	Version       uint64  `json:"version,omitempty"`
	Node          uint64  `json:"node,omitempty"`
	Partition     uint64  `json:"partition,omitempty"`
	Index         uint64  `json:"index,omitempty"`
	End           bool    `json:"end,omitempty"`
	Operations    *int64  `json:"operations,omitempty"`
}

// newLine is the line of an operation.
func newLine(op *Operation) (*line, error) {
	if err := op.validate(); err != nil {
		return nil, err
	}
	if !utf8.ValidString(op.Error) {
		return nil, errors.New("the error message is not valid UTF-8")
	}
	l := &line{
		ID: op.ID, Client: op.Client, Kind: op.Kind.String(),
		ExpectVersion: op.ExpectVersion, Stale: op.Stale,
		Call: op.Call, CallTime: op.CallTime, ReturnTime: op.ReturnTime,
		Outcome: op.Outcome.String(), Error: op.Error,
		Found: op.Result.Found, Swapped: op.Result.Swapped, Version: op.Result.Version,
		Node: op.Result.Node, Partition: op.Result.Partition, Index: op.Result.Index,
	}
	if op.Return != Never {
		l.Return = &op.Return
	}
	l.Key, l.KeyB64 = split(op.Key, true)
	l.Value, l.ValueB64 = split(op.Value, op.Kind.CarriesValue())
	l.Expect, l.ExpectB64 = split(op.ExpectValue, op.Kind == CASValue)
	_, observed := op.Observed()
	l.Result, l.ResultB64 = split(op.Result.Value, observed)
	return l, nil
}

// split writes bytes as text if it can. A field that the operation does not
// have is left out.
func split(s string, present bool) (text *string, binary []byte) {
	switch {
	case !present:
		return nil, nil
	case utf8.ValidString(s):
		return &s, nil
	}
	return nil, []byte(s)
}

// join is the reverse of split; present tells whether the field is there.
func join(name string, text *string, binary []byte) (s string, present bool, err error) {
	switch {
	case text != nil && binary != nil:
		return "", false, fmt.Errorf("both %s and %s_b64 are given", name, name)
	case text != nil:
		return *text, true, nil
	case binary != nil:
		return string(binary), true, nil
	}
	return "", false, nil
}

// operation is the reverse of newLine.
func (l *line) operation() (Operation, error) {
	op := Operation{
		ID: l.ID, Client: l.Client, Call: l.Call, Return: Never,
		CallTime: l.CallTime, ReturnTime: l.ReturnTime, Error: l.Error,
		Input: Input{ExpectVersion: l.ExpectVersion, Stale: l.Stale},
		Result: Result{
			Found: l.Found, Swapped: l.Swapped, Version: l.Version,
			Node: l.Node, Partition: l.Partition, Index: l.Index,
		},
	}
	if l.Return != nil {
		op.Return = *l.Return
	}
	if l.Operations != nil {
		return op, errors.New("\"operations\" belongs to the end line only")
	}
	var err error
	if op.Kind, err = parseKind(l.Kind); err != nil {
		return op, err
	}
	if op.Outcome, err = parseOutcome(l.Outcome); err != nil {
		return op, err
	}
	if err := l.joinInto(&op); err != nil {
		return op, err
	}
	return op, op.validate()
}

// joinInto fills in the byte fields and demands those that the operation must
// have, so that a missing one is not read as empty.
func (l *line) joinInto(op *Operation) error {
	observed := op.Outcome == OK && op.Result.Found &&
		(op.Kind == Get || op.Kind.Conditional() && !op.Result.Swapped)
	fields := []struct {
		name   string
		text   *string
		binary []byte
		into   *string
		want   bool
	}{
		{"key", l.Key, l.KeyB64, &op.Key, true},
		{"value", l.Value, l.ValueB64, &op.Value, op.Kind.CarriesValue()},
		{"expect_value", l.Expect, l.ExpectB64, &op.ExpectValue, op.Kind == CASValue},
		{"result", l.Result, l.ResultB64, &op.Result.Value, observed},
	}
	for _, f := range fields {
		s, present, err := join(f.name, f.text, f.binary)
		switch {
		case err != nil:
			return err
		case f.want && !present:
			return fmt.Errorf("%s is missing, which this %s must have", f.name, op.Kind)
		case !f.want && present:
			return fmt.Errorf("%s is given, which this %s cannot have", f.name, op.Kind)
		}
		*f.into = s
	}
	return nil
}

func parseKind(name string) (Kind, error) {
	for k := Get; k.valid(); k++ {
		if kindNames[k] == name {
			return k, nil
		}
	}
	return 0, fmt.Errorf("kind %q is not one of %s", name, strings.Join(kindNames[Get:], ", "))
}

func parseOutcome(name string) (Outcome, error) {
	for o := OK; o.valid(); o++ {
		if outcomeNames[o] == name {
			return o, nil
		}
	}
	return 0, fmt.Errorf("outcome %q is not one of %s", name, strings.Join(outcomeNames[OK:], ", "))
}
