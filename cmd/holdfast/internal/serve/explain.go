package serve

import (
	"errors"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/kv/osio"
	"github.com/holdfastdb/holdfast/kv/server"
)

// Explain turns the error of a node's start into one for a person. What the
// packages below say is complete; portHint is added where the port is taken, and
// --new or --rejoin where data is missing.
func Explain(err error, portHint string) error {
	var listen *server.ListenError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &listen) && errors.Is(err, server.ErrAddressInUse):
		return exit.With(exit.Failure, err, portHint)
	case errors.Is(err, osio.ErrDirEmpty):
		return exit.With(exit.Failure, err, "if this node really never ran before, start it once with --new; if its data is lost, with --rejoin")
	case errors.Is(err, osio.ErrDirDataMissing):
		return exit.With(exit.Failure, err, "if the files are lost, start it with --rejoin")
	}
	return exit.With(exit.Failure, err, "")
}
