package serve

import (
	"errors"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/kv/osio"
	"github.com/holdfastdb/holdfast/kv/server"
)

// Explain turns the error of a node's start into one for a person. What the
// packages below say is complete; portHint is added where the port is taken, and
// --new where a directory is empty, --peers where it has other members.
func Explain(err error, portHint string) error {
	var listen *server.ListenError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &listen) && errors.Is(err, server.ErrAddressInUse):
		return exit.With(exit.Failure, err, portHint)
	case errors.Is(err, osio.ErrDirEmpty):
		return exit.With(exit.Failure, err, "if this node really never ran before, start it once with --new")
	case errors.Is(err, osio.ErrDirOtherMembers):
		return exit.With(exit.Failure, err, "name the same node ids in --peers as at its first start; only addresses may change")
	}
	return exit.With(exit.Failure, err, "")
}
