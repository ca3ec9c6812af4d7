package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

// getMany reads several keys, prints what was found, and says what was not.
func (a *App) getMany(ctx context.Context, s store.Store, keys []string, mode store.Mode) error {
	asked := make([][]byte, len(keys))
	for i, key := range keys {
		asked[i] = []byte(key)
	}
	results, err := s.GetMany(ctx, asked, mode)
	answers := []store.GetJSON{}
	var missing, failed []string
	var why error
	for i, r := range results {
		switch {
		case r.Err != nil:
			failed, why = append(failed, shownKey(keys[i])), worse(why, r.Err)
			continue
		case !r.Found:
			missing = append(missing, shownKey(keys[i]))
		case a.format == style.Text:
			a.Streams.Data("%s", store.Pair{Key: asked[i], Value: r.Value}.Line(a.Streams.OutTerminal))
		}
		answers = append(answers, r.JSON(keys[i]))
	}
	if a.format == style.JSON {
		if err := style.PrintJSON(a.Streams.Out, answers); err != nil {
			return err
		}
	}
	switch {
	case why != nil:
		return store.Explain(why, "get "+strings.Join(failed, ", "))
	case err != nil:
		return store.Explain(err, "get "+shownKeys(keys))
	case len(missing) > 0 && a.format == style.JSON:
		return exit.Quietly(exit.NotFound)
	case len(missing) > 0:
		return exit.With(exit.NotFound, errors.New("value not found: "+strings.Join(missing, ", ")), "")
	}
	return nil
}

// worse is the error of which less is known.
func worse(a, b error) error {
	var x, y *store.Error
	switch {
	case a == nil:
		return b
	case errors.As(a, &x) && errors.As(b, &y) && y.Ending == store.Unknown && x.Ending != store.Unknown:
		return b
	}
	return a
}

func shownKey(key string) string { return store.OneLine([]byte(key)) }

func shownKeys(keys []string) string {
	shown := make([]string, len(keys))
	for i, key := range keys {
		shown[i] = shownKey(key)
	}
	return strings.Join(shown, ", ")
}

// pairs reads KEY VALUE KEY VALUE ...
func (a *App) pairs(args []string, literal bool) ([]store.Pair, error) {
	var pairs []store.Pair
	seen := map[string]bool{}
	piped := false
	for i := 0; i < len(args); i += 2 {
		key, arg := args[i], args[i+1]
		switch {
		case key == "":
			return nil, checkKey(key)
		case seen[key]:
			return nil, exit.Usagef("puts of several keys have no order among each other: give each key once", "the key %s is given twice", shownKey(key))
		case arg == "-" && !literal && piped:
			return nil, exit.Usagef("use @FILE for the others, or --literal for a value that is a -", "only one value can be standard input")
		}
		seen[key], piped = true, piped || arg == "-"
		value, err := a.value(arg, literal)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, store.Pair{Key: []byte(key), Value: value})
	}
	return pairs, nil
}

// putMany stores several values, prints which were, and says which were not.
func (a *App) putMany(ctx context.Context, s store.Store, pairs []store.Pair) error {
	results, err := s.PutMany(ctx, pairs)
	answers := []store.PutJSON{}
	var keys, failed []string
	for i, r := range results {
		key := pairs[i].Key
		keys = append(keys, store.OneLine(key))
		if r.Err != nil {
			failed = append(failed, fmt.Sprintf("%s: %v (%s)", store.OneLine(key), r.Err, known(r.Err)))
			continue
		}
		answers = append(answers, store.PutJSON{Key: style.Blob(key), Version: r.Version})
		if a.format != style.JSON {
			if err := a.print(fmt.Sprintf("OK %s (version %d)", store.OneLine(key), r.Version), r.Version, nil); err != nil {
				return err
			}
		}
	}
	if a.format == style.JSON {
		if err := style.PrintJSON(a.Streams.Out, answers); err != nil {
			return err
		}
	}
	switch {
	case err == nil:
		return nil
	case len(answers) == 0:
		return store.Explain(err, "put "+strings.Join(keys, ", "))
	}
	return exit.With(exit.Unknown, fmt.Errorf("%d of %d values were stored, not so:\n  %s", len(answers), len(pairs), strings.Join(failed, "\n  ")),
		"to put these again is harmless unless somebody else writes the same keys")
}

// known says what is known of a put that ended with an error.
func known(err error) string {
	var e *store.Error
	if errors.As(err, &e) && e.Ending != store.Unknown {
		return "nothing was changed"
	}
	return "the outcome is unknown"
}
