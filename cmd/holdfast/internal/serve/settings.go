package serve

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strconv"
	"strings"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/kv/env"
)

// parsePeers reads ID=HOST:PORT pairs.
func parsePeers(pairs []string) (map[env.NodeID]string, error) {
	const next = "give it as in --peers 1=127.0.0.1:7001,2=127.0.0.1:7002,3=127.0.0.1:7003"
	members := make(map[env.NodeID]string, len(pairs))
	for _, pair := range pairs {
		name, address, found := strings.Cut(strings.TrimSpace(pair), "=")
		id, err := strconv.ParseUint(name, 10, 64)
		if !found || err != nil || id == 0 {
			return nil, exit.Usagef(next, "--peers: %q is not of the form ID=HOST:PORT with an id from 1 on", pair)
		}
		if err := store.CheckAddress(address); err != nil {
			return nil, exit.Usagef(next, "--peers: node %d: %w", id, err)
		}
		for other, at := range members {
			if at == address {
				return nil, exit.Usagef(next, "--peers: nodes %d and %d have the same address %s", other, id, address)
			}
		}
		if members[env.NodeID(id)] != "" {
			return nil, exit.Usagef(next, "--peers: node %d is given twice", id)
		}
		members[env.NodeID(id)] = address
	}
	return members, nil
}

// Logger makes the log of a node.
func Logger(w io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, exit.Usagef("use debug, info, warn or error", "--log-level %q is not known", level)
	}
	opts := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, exit.Usagef("use text or json", "--log-format %q is not known", format)
}

// parseSize reads a number of bytes, with KiB, MiB or GiB.
func parseSize(text string) (int64, error) {
	number, factor := text, int64(1)
	for i, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if n, ok := strings.CutSuffix(text, unit); ok {
			number, factor = n, 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	switch {
	case err != nil:
		return 0, errors.New("it is not a number of bytes, with KiB, MiB or GiB")
	case n < 0 || n > math.MaxInt64/factor:
		return 0, fmt.Errorf("%s is out of range", number)
	}
	return n * factor, nil
}
