package reliability

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/saker-security/saker/internal/procctl"
)

// program is the built program, which all tests run.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the program and runs the tests.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "reliability")
	if err == nil {
		defer os.RemoveAll(dir)
		program, err = procctl.Build(context.Background(), dir, "../../cmd/saker")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
