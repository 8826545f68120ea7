package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const megabyte = 1 << 20

// raw passes messages as bytes.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error { *v.(*[]byte) = bytes.Clone(data); return nil }
func (raw) Name() string                       { return "proto" }

type caller struct{ connection *grpc.ClientConn }

func (c caller) call(ctx context.Context, method string, message []byte, options ...grpc.CallOption) ([]byte, error) {
	var answer []byte
	options = append(options, grpc.ForceCodec(encoding.Codec(raw{})), grpc.MaxCallRecvMsgSize(64*megabyte))
	err := c.connection.Invoke(ctx, "/suite.Echo/"+method, &message, &answer, options...)
	return answer, err
}

func (c caller) echo(message []byte, options ...grpc.CallOption) error {
	answer, err := c.call(soon(), "Echo", message, options...)
	if err == nil && !bytes.Equal(answer, message) {
		err = fmt.Errorf("%d bytes sent, other %d received", len(message), len(answer))
	}
	return err
}

func soon() context.Context {
	ctx, _ := context.WithTimeout(context.Background(), 20*time.Second)
	return ctx
}

func filled(size int) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	return data
}

func client(address, secure, roots string) {
	plain := caller{dial(address, "")}
	protected := caller{dial(secure, roots)}
	report("small", plain.echo([]byte("hello")))
	report("empty", plain.echo([]byte{}))
	report("large", plain.echo(filled(5*megabyte)))
	report("concurrent", plain.concurrent())
	report("deadline", plain.deadline())
	report("cancel", plain.cancel())
	report("metadata", plain.metadata())
	report("status", plain.status())
	report("unimplemented", plain.unimplemented())
	report("gzip", plain.gzip())
	report("tls", protected.echo([]byte("hello")))
	report("tls_large", protected.echo(filled(5*megabyte)))
	report("tls_concurrent", protected.concurrent())
	report("drain", plain.drain())
}

func (c caller) concurrent() error {
	failures := make(chan error, 300)
	all := sync.WaitGroup{}
	for i := range 300 {
		all.Add(1)
		go func() {
			defer all.Done()
			failures <- c.echo(append(filled(20_000), strconv.Itoa(i)...))
		}()
	}
	all.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c caller) cancelled() int {
	answer, _ := c.call(soon(), "Cancelled", nil)
	count, _ := strconv.Atoi(string(answer))
	return count
}

// noticed waits until the server knows of one more call that nobody waits for.
func (c caller) noticed(before int, err error, wanted codes.Code) error {
	if status.Code(err) != wanted {
		return fmt.Errorf("expected %v, seen %v", wanted, err)
	}
	for range 200 {
		if c.cancelled() > before {
			return nil
		}
		time.Sleep(25 * time.Millisecond)
	}
	return fmt.Errorf("the server goes on with a call that is over")
}

func (c caller) deadline() error {
	before := c.cancelled()
	ctx, end := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer end()
	_, err := c.call(ctx, "Sleep", []byte("30000"))
	return c.noticed(before, err, codes.DeadlineExceeded)
}

func (c caller) cancel() error {
	before := c.cancelled()
	ctx, end := context.WithCancel(context.Background())
	go func() { time.Sleep(100 * time.Millisecond); end() }()
	_, err := c.call(ctx, "Sleep", []byte("30000"))
	return c.noticed(before, err, codes.Canceled)
}

func (c caller) metadata() error {
	binary, long := string(filled(256)), string(bytes.Repeat([]byte("long value, "), 400))
	pairs := []string{"x-echo-text", "plain ~!#", "x-echo-text", "again", "x-echo-raw-bin", binary, "x-echo-long", long}
	var header, trailer metadata.MD
	ctx := metadata.AppendToOutgoingContext(soon(), pairs...)
	for range 3 {
		header, trailer = nil, nil
		if _, err := c.call(ctx, "Echo", []byte("x"), grpc.Header(&header), grpc.Trailer(&trailer)); err != nil {
			return err
		}
		for _, part := range []metadata.MD{header, trailer} {
			text, raw, last := part.Get("x-echo-text"), part.Get("x-echo-raw-bin"), part.Get("x-echo-long")
			if len(text) != 2 || text[0] != "plain ~!#" || text[1] != "again" || len(raw) != 1 || raw[0] != binary ||
				len(last) != 1 || last[0] != long {
				return fmt.Errorf("seen %v", part)
			}
		}
	}
	return nil
}

const message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"

func (c caller) status() error {
	_, err := c.call(soon(), "Fail", []byte("9 "+message))
	if status.Code(err) != codes.FailedPrecondition || status.Convert(err).Message() != message {
		return fmt.Errorf("seen %v", err)
	}
	return nil
}

func (c caller) unimplemented() error {
	if _, err := c.call(soon(), "None", nil); status.Code(err) != codes.Unimplemented {
		return fmt.Errorf("seen %v", err)
	}
	return nil
}

func (c caller) gzip() error {
	for _, size := range []int{0, 100, 3 * megabyte} {
		if err := c.echo(filled(size), grpc.UseCompressor(gzip.Name)); err != nil {
			return err
		}
	}
	return nil
}

// drain has the server say GOAWAY while calls are open: they end well, and later ones find the new server.
func (c caller) drain() error {
	failures := make(chan error, 20)
	for range 20 {
		go func() { _, err := c.call(soon(), "Sleep", []byte("400")); failures <- err }()
	}
	time.Sleep(100 * time.Millisecond)
	if _, err := c.call(soon(), "Drain", nil); err != nil {
		return fmt.Errorf("drain itself: %w", err)
	}
	for range 60 {
		if err := c.echo([]byte("after")); err != nil {
			return fmt.Errorf("after: %w", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	for range 20 {
		if err := <-failures; err != nil {
			return fmt.Errorf("open call: %w", err)
		}
	}
	return nil
}
