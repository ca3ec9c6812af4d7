package shell

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

// Answer prints the result of a command: a line of text, or a line of JSON.
func (s *Session) Answer(text string, object any) error {
	if s.Format != style.JSON {
		s.Streams.Data("%s", text)
		return nil
	}
	data, err := json.Marshal(object)
	if err != nil {
		return err
	}
	s.Streams.Data("%s", data)
	return nil
}

func put(ctx context.Context, s *Session, args []string) error {
	w, err := s.Store.Put(ctx, []byte(args[0]), []byte(args[1]))
	if err != nil {
		return store.Explain(err, "put "+style.Bytes([]byte(args[0])))
	}
	return s.Answer(fmt.Sprintf("OK (version %d)", w.Version), store.PutJSON{Key: style.Blob(args[0]), Version: w.Version})
}

func get(ctx context.Context, s *Session, args []string) error {
	r, err := s.Store.Get(ctx, []byte(args[0]), false)
	if err != nil {
		return store.Explain(err, "get "+style.Bytes([]byte(args[0])))
	}
	text := "Value not found"
	if r.Found {
		text = "Value found: " + style.Bytes(r.Value)
	}
	return s.Answer(text, r.JSON(args[0]))
}

func erase(ctx context.Context, s *Session, args []string) error {
	e, err := s.Store.Erase(ctx, []byte(args[0]))
	if err != nil {
		return store.Explain(err, "erase "+style.Bytes([]byte(args[0])))
	}
	text := "Value not found"
	if e.Found {
		text = "Erased"
	}
	return s.Answer(text, store.EraseJSON{Key: style.Blob(args[0]), Found: e.Found})
}

func compareAndSet(ctx context.Context, s *Session, args []string) error {
	expect, err := condition(args[2:])
	if err != nil {
		return err
	}
	swap, err := s.Store.CompareAndSet(ctx, []byte(args[0]), []byte(args[1]), expect)
	if err != nil {
		return store.Explain(err, "compare-and-set "+style.Bytes([]byte(args[0])))
	}
	text := fmt.Sprintf("OK (version %d)", swap.Version)
	if !swap.Swapped {
		text = "Not changed: " + swap.Actual()
	}
	return s.Answer(text, swap.JSON(args[0]))
}

func condition(args []string) (store.Expect, error) {
	kind := strings.ToUpper(args[0])
	switch {
	case kind == "ABSENT" && len(args) == 1:
		return store.Expect{Absent: true}, nil
	case kind == "VALUE" && len(args) == 2:
		return store.Expect{Value: []byte(args[1])}, nil
	case kind == "VERSION" && len(args) == 2:
		n, err := strconv.ParseUint(args[1], 10, 64)
		if err != nil || n == 0 {
			return store.Expect{}, exit.Usagef("versions are printed by PUT and CAS", "%q is not a version: it must be a number from 1 on", args[1])
		}
		return store.Expect{Version: n}, nil
	}
	return store.Expect{}, exit.Usagef("example: CAS user1 jane VALUE john", "the condition must be VERSION n, VALUE old or ABSENT")
}

// scanMost bounds what SCAN lists: it is for looking around.
const scanMost = 100

func scan(ctx context.Context, s *Session, args []string) error {
	prefix := strings.Join(args, "")
	pairs, cursor, more := []store.PairJSON{}, []byte(nil), true
	for more && len(pairs) < scanMost {
		page, err := s.Store.Scan(ctx, []byte(prefix), cursor, scanMost-len(pairs), store.Fresh)
		if err != nil {
			return store.Explain(err, "scan")
		}
		for _, p := range page.Pairs {
			pairs = append(pairs, p.JSON())
			if s.Format != style.JSON {
				s.Streams.Data("%s", p.Line(s.Streams.OutTerminal))
			}
		}
		cursor, more = page.Next, page.Next != nil
	}
	switch {
	case s.Format == style.JSON:
		return s.Answer("", struct {
			Pairs []store.PairJSON `json:"pairs"`
			More  bool             `json:"more"`
		}{pairs, more})
	case len(pairs) == 0:
		return s.Answer("No keys", nil)
	case more:
		return s.Answer(fmt.Sprintf("... and perhaps more than these %d; `holdfast scan --limit 0` lists all", len(pairs)), nil)
	}
	return nil
}

func status(ctx context.Context, s *Session, _ []string) error {
	reports, err := s.Store.Status(ctx)
	if err != nil {
		return store.Explain(err, "ask the nodes")
	}
	if s.Format == style.JSON {
		nodes := make([]store.Node, 0, len(reports))
		for _, r := range reports {
			nodes = append(nodes, r.Summary())
		}
		return s.Answer("", nodes)
	}
	return store.PrintStatus(s.Streams.Out, reports)
}

func timing(_ context.Context, s *Session, args []string) error {
	switch strings.ToUpper(args[0]) {
	case "ON":
		s.Timing = true
	case "OFF":
		s.Timing = false
	default:
		return exit.Usagef("TIMING ON or TIMING OFF", "%q is neither ON nor OFF", args[0])
	}
	return nil
}

func help(_ context.Context, s *Session, args []string) error {
	if len(args) == 1 {
		c := s.find(args[0])
		if c == nil {
			return s.unknown(args[0])
		}
		s.Streams.Data("%s: %s", c.signature(), c.Help)
		return nil
	}
	for _, c := range s.commands {
		if c.Hidden {
			continue
		}
		s.Streams.Data("  %-46s %s", c.signature(), c.Help)
	}
	s.Streams.Data("\nCommands may be written in small letters. Quote words with blanks: PUT greeting 'hello world'.")
	s.Streams.Data(`Double quotes take escapes: PUT key "two\nlines and a byte \xff".`)
	return nil
}

func leave(_ context.Context, s *Session, _ []string) error {
	s.over = true
	return nil
}
