package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/dev"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
)

// clientFlags are the settings of every command that talks to a cluster.
type clientFlags struct {
	endpoints []string
	timeout   time.Duration
}

func addClientFlags(c *cobra.Command) *clientFlags {
	f := &clientFlags{}
	c.Flags().StringSliceVar(&f.endpoints, "endpoints", dev.DefaultEndpoints(), "addresses of the cluster's nodes, separated by commas; some are enough")
	c.Flags().DurationVar(&f.timeout, "timeout", 5*time.Second, "how long an operation may take before it is given up")
	return f
}

func (f *clientFlags) check() error {
	if err := store.CheckEndpoints(f.endpoints); err != nil {
		return err
	}
	if f.timeout <= 0 {
		return exit.Usagef("give one as in --timeout 5s", "the timeout is %v, it must be more than 0", f.timeout)
	}
	return nil
}

// open connects to the cluster.
func (a *App) open(f *clientFlags) (store.Store, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	s, err := a.Dial(store.Options{Endpoints: f.endpoints, Timeout: f.timeout})
	return s, store.Explain(err, "connect to "+strings.Join(f.endpoints, ", "))
}

// with runs one call on the cluster, within the timeout.
func (a *App) with(ctx context.Context, f *clientFlags, call func(context.Context, store.Store) error) error {
	s, err := a.open(f)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	return call(ctx, s)
}
