package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/config"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

// scanPage bounds a page, so that its bytes are within what a node sends at once, and its time within --timeout.
const scanPage = 1000

type scanOptions struct {
	prefix, cursor string
	limit          int
	stale          bool
}

func (a *App) scanCommand() *cobra.Command {
	var o scanOptions
	c := &cobra.Command{
		Use:   "scan",
		Short: "List keys and values",
		Long: "List the keys that begin with --prefix, with their values, a tab between them. Keys ascend within a partition only. The\n" +
			"list is no snapshot: each page is read at one moment, so what is written meanwhile may be seen or not; a key that is\n" +
			"there all the time is listed exactly once. If there are more than --limit, the cursor to go on with is printed.",
		Example: "  holdfast scan --prefix user\n" +
			"  holdfast scan --limit 0 -o json > all.json",
		Args: exit.Args(0, 0),
	}
	f := addClientFlags(c)
	c.Flags().StringVar(&o.prefix, "prefix", "", "only keys that begin with this")
	c.Flags().IntVar(&o.limit, "limit", 100, "how many at most; 0 is all")
	c.Flags().StringVar(&o.cursor, "cursor", "", "go on where another scan with this prefix ended")
	c.Flags().BoolVar(&o.stale, "stale", false, "allow an old state: any node answers from what it has")
	config.Argument(c.Flags(), "prefix", "limit", "cursor", "stale")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cursor, err := base64.RawURLEncoding.DecodeString(o.cursor)
		switch {
		case err != nil:
			return exit.Usagef("give the one that the scan before printed, unchanged", "--cursor %q is not the cursor of a scan", o.cursor)
		case o.limit < 0:
			return exit.Usagef("use --limit 0 for all", "--limit is %d, it must not be negative", o.limit)
		case a.format == style.Raw:
			return exit.Usagef("use -o json, or `holdfast get KEY -o raw` for one value", "-o raw is for one value, and a scan has many")
		}
		s, err := a.open(f)
		if err != nil {
			return err
		}
		defer s.Close()
		return a.scan(c.Context(), s, f, o, cursor)
	}
	return c
}

// scan lists page by page; each page has the time of --timeout.
func (a *App) scan(ctx context.Context, s store.Store, f *clientFlags, o scanOptions, cursor []byte) error {
	mode := store.Fresh
	if o.stale {
		mode = store.Stale
	}
	out := newPairList(a.Streams, a.format)
	if len(cursor) == 0 {
		cursor = nil
	}
	for {
		limit := scanPage
		if o.limit > 0 {
			limit = min(limit, o.limit-out.count)
		}
		page, err := within(ctx, f, func(ctx context.Context) (store.Page, error) {
			return s.Scan(ctx, []byte(o.prefix), cursor, limit, mode)
		})
		for _, p := range page.Pairs {
			out.add(p)
		}
		switch cursor = page.Next; {
		case err != nil:
			out.end(nil)
			return store.Explain(err, fmt.Sprintf("scan (%d keys were listed)", out.count))
		case cursor == nil || o.limit > 0 && out.count >= o.limit:
			if cursor != nil {
				a.Streams.Talk("there are more: go on with --cursor %s", cursorText(cursor))
			}
			return out.end(cursor)
		}
	}
}

func within[A any](ctx context.Context, f *clientFlags, call func(context.Context) (A, error)) (A, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	return call(ctx)
}

func cursorText(cursor []byte) string { return base64.RawURLEncoding.EncodeToString(cursor) }

// pairList writes pairs as they come: lines, or one JSON object.
type pairList struct {
	w        io.Writer
	json     bool
	terminal bool
	count    int
	err      error
}

func newPairList(streams *style.Streams, format style.Format) *pairList {
	l := &pairList{w: streams.Out, terminal: streams.OutTerminal, json: format == style.JSON}
	if l.json {
		l.print("{\n  \"pairs\": [")
	}
	return l
}

// print keeps the first error, which end returns.
func (l *pairList) print(text string) {
	if l.err == nil {
		_, l.err = io.WriteString(l.w, text)
	}
}

func (l *pairList) add(p store.Pair) {
	l.count++
	if !l.json {
		l.print(p.Line(l.terminal) + "\n")
		return
	}
	data, err := json.Marshal(p.JSON())
	if l.err == nil {
		l.err = err
	}
	if l.count > 1 {
		l.print(",")
	}
	l.print("\n    " + string(data))
}

// end ends the list; next is where the next one begins, nil if there is nothing more.
func (l *pairList) end(next []byte) error {
	if !l.json {
		return l.err
	}
	l.print("\n  ]")
	if next != nil {
		l.print(fmt.Sprintf(",\n  \"next\": %q", cursorText(next)))
	}
	l.print("\n}\n")
	return l.err
}
