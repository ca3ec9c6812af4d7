package live

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Fleet is the half of a target.Store that is the same for all stores: processes behind proxies. An adapter embeds it.
type Fleet struct {
	*Cluster
	// acts keeps nodes from being started and ended at the same time, and from being taken for dead meanwhile.
	acts sync.Mutex
	died []uint64
}

// NewFleet is a fleet of processes that do not run yet; cfg.Proxied is implied.
func NewFleet(cfg ClusterConfig) (*Fleet, error) {
	cfg.Proxied = true
	c, err := NewCluster(cfg)
	if err != nil {
		return nil, err
	}
	return &Fleet{Cluster: c}, nil
}

// Launch starts a process and does not wait for it to answer.
func (f *Fleet) Launch(id uint64, flags ...string) error {
	f.acts.Lock()
	defer f.acts.Unlock()
	return f.launch(id, flags)
}

// Start is target.Store's.
func (f *Fleet) Start(_ context.Context, id uint64) error { return f.Launch(id) }

// Kill is target.Store's.
func (f *Fleet) Kill(ctx context.Context, id uint64) error {
	f.acts.Lock()
	defer f.acts.Unlock()
	f.bury()
	return f.Kill9(ctx, id)
}

// Members is target.Store's.
func (f *Fleet) Members() []uint64 { return f.Ids() }

// Running is target.Store's.
func (f *Fleet) Running() []uint64 {
	return f.those(func(n *node) bool { return n.proc != nil && !n.outside })
}

// Died is target.Store's.
func (f *Fleet) Died() []uint64 {
	f.acts.Lock()
	defer f.acts.Unlock()
	f.bury()
	return slices.Clone(f.died)
}

// bury notes which members ended by themselves; the caller holds acts.
func (f *Fleet) bury() {
	members := f.Ids()
	for _, id := range f.crashed() {
		if slices.Contains(members, id) && !slices.Contains(f.died, id) {
			f.died = append(f.died, id)
		}
	}
}

// Port gives a node one more port, for a store that has several, behind a proxy of its own.
func (f *Fleet) Port(id uint64) (public, listen string, err error) {
	behind, err := reservePort()
	if err != nil {
		return "", "", err
	}
	l, err := reservePort()
	if err != nil {
		return "", "", errors.Join(err, behind.Close())
	}
	f.Net().Front(id, l, behind.Addr().String())
	return l.Addr().String(), behind.Addr().String(), behind.Close()
}
