package turn_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/saker-security/saker/pkg/deliver/sink/turn"
)

func TestTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		lock := turn.New()
		if err := lock.Take(ended); err != nil {
			t.Errorf("a free turn is not taken: %v", err)
		}
		if lock.Try() {
			t.Error("it is held twice")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if err := lock.Take(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("error %v after %v", err, time.Since(begin))
		}
		time.AfterFunc(time.Minute, lock.Give)
		if err := lock.Take(t.Context()); err != nil || time.Since(begin) != time.Minute+time.Second {
			t.Errorf("error %v after %v", err, time.Since(begin))
		}
		lock.Give()
		if !lock.Try() {
			t.Error("it is not free")
		}
	})
}
