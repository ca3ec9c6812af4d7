package serve

import (
	"context"
	"log/slog"
	"time"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/kv/kvpb"
)

// askSelf is how often a node is asked whether the cluster takes it in.
const askSelf = time.Second

// statusOf is a node that is asked for its status.
type statusOf interface {
	Status(context.Context) (*kvpb.NodeStatus, error)
}

// watchAdmission logs, until ctx ends, whether the cluster takes this node in, and why not.
func watchAdmission(ctx context.Context, s statusOf, log *slog.Logger) {
	var a admission
	for {
		if st, err := s.Status(ctx); err == nil {
			a.note(st, log)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(askSelf):
		}
	}
}

// admission is what has been logged.
type admission struct {
	asked   int
	in      bool
	refused string
}

// patientFor is how many times a node is asked before it is logged that it waits.
const patientFor = 5

func (a *admission) note(st *kvpb.NodeStatus, log *slog.Logger) {
	a.asked++
	switch refused := store.Plainly(st.Refused); {
	case refused != a.refused:
		if a.refused = refused; refused != "" {
			log.Warn("the cluster does not take this node in", "reason", refused)
			return
		}
		log.Info("the cluster takes this node in")
	case a.in || refused != "":
	case st.TableVersion > 0:
		a.in = true
		log.Info("this node knows where the partitions are", "table", st.TableVersion)
	case a.asked == patientFor:
		log.Warn("this node waits for the other nodes: a majority of those that the cluster begins with must run, or one that --join names")
	}
}
