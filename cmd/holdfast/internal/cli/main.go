package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/config"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/store"
	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/style"
)

// App is one run of the program.
type App struct {
	Streams *style.Streams
	// Dial opens a cluster.
	Dial func(store.Options) (store.Store, error)

	root     *cobra.Command
	format   style.Format
	file     string
	settings []config.Setting
}

// Main runs the program with the arguments after its name and returns the exit code. Further
// commands may be given (CLI-3). SIGINT and SIGTERM end ctx of the command;
// a second one ends the process.
func Main(args []string, extra ...*cobra.Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	app := &App{Streams: style.System(), Dial: store.Dial}
	return app.Run(ctx, args, extra...)
}

// Run is Main with its world given.
func (a *App) Run(ctx context.Context, args []string, extra ...*cobra.Command) int {
	a.build(extra)
	a.root.SetArgs(args)
	err := a.root.ExecuteContext(ctx)
	if err == nil {
		return exit.OK
	}
	if text := exit.Text(err); text != "" {
		a.Streams.Talk("%s %s", a.Streams.ErrPaint().Bad("error:"), text)
	}
	return exit.Code(err)
}
