package exit_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfastdb/holdfast/cmd/holdfast/internal/exit"
)

// foreign is an error of another package that brings its own code.
type foreign struct{}

func (foreign) Error() string { return "foreign" }
func (foreign) ExitCode() int { return 12 }

// Goal: EXIT-3, the code survives wrapping, and errors without one are failures.
// Method: a table of errors.
func TestCodeOfAnErrorIsItsOwnOrFailure(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("plain"), 1},
		{exit.With(exit.NotApplied, errors.New("down"), ""), 4},
		{fmt.Errorf("put: %w", exit.With(exit.Unknown, errors.New("lost"), "")), 5},
		{exit.Quietly(exit.NotFound), 3},
		{exit.Usagef("", "bad"), 64},
		{fmt.Errorf("sim: %w", foreign{}), 12},
	} {
		require.Equal(t, c.want, exit.Code(c.err), "%v", c.err)
	}
}

// Goal: EXIT-1, the next step is printed below the message, wrapped or not, and silent errors
// print nothing. Method: compare texts.
func TestTextShowsMessageAndNextStep(t *testing.T) {
	err := fmt.Errorf("put k: %w", exit.With(exit.NotApplied, errors.New("no leader"), "wait"))
	require.Equal(t, "put k: no leader\nnext: wait", exit.Text(err))
	require.Equal(t, "plain", exit.Text(errors.New("plain")))
	require.Empty(t, exit.Text(exit.Quietly(3)))
}
