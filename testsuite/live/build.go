package live

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// Build compiles the holdfast program into a directory and returns its path. The working
// directory must be inside the module.
func Build(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "holdfast")
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, "github.com/holdfastdb/holdfast/cmd/holdfast")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("live: building holdfast: %w\n%s", err, out)
	}
	return binary, nil
}
