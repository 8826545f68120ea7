package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const requestSize, answerSize = 271828, 314159

// interop runs the cases of grpc/doc/interop-test-descriptions.md that a server of unary calls can take part in;
// where a case has a unary half and a streaming half, the unary one.
func interop(connection *grpc.ClientConn) {
	stub := testpb.NewTestServiceClient(connection)
	none := testpb.NewUnimplementedServiceClient(connection)
	report("empty_unary", emptyUnary(stub))
	report("large_unary", largeUnary(stub))
	report("client_compressed_unary", clientCompressed(stub))
	report("server_compressed_unary", serverCompressed(stub))
	report("custom_metadata", customMetadata(stub))
	report("status_code_and_message", withStatus(stub, 2, "test status message"))
	report("special_status_message", withStatus(stub, 2, message))
	_, err := stub.UnimplementedCall(soon(), &testpb.Empty{})
	report("unimplemented_method", wanted(err, codes.Unimplemented))
	_, err = none.UnimplementedCall(soon(), &testpb.Empty{})
	report("unimplemented_service", wanted(err, codes.Unimplemented))
	report("timeout_on_sleeping_server", timeout(stub))
	report("cancel_after_begin", cancelAfterBegin(stub))
	report("streaming_is_refused", streaming(stub))
}

func wanted(err error, code codes.Code) error {
	if status.Code(err) != code {
		return fmt.Errorf("expected %v, seen %v", code, err)
	}
	return nil
}

func request() *testpb.SimpleRequest {
	payload := &testpb.Payload{Body: make([]byte, requestSize)}
	return &testpb.SimpleRequest{ResponseSize: answerSize, Payload: payload}
}

func emptyUnary(stub testpb.TestServiceClient) error {
	_, err := stub.EmptyCall(soon(), &testpb.Empty{})
	return err
}

func sized(answer *testpb.SimpleResponse, err error) error {
	if err == nil && !bytes.Equal(answer.GetPayload().GetBody(), make([]byte, answerSize)) {
		err = fmt.Errorf("an answer of %d bytes", len(answer.GetPayload().GetBody()))
	}
	return err
}

func largeUnary(stub testpb.TestServiceClient) error { return sized(stub.UnaryCall(soon(), request())) }

func clientCompressed(stub testpb.TestServiceClient) error {
	probe := request()
	probe.ExpectCompressed = &testpb.BoolValue{Value: true}
	_, err := stub.UnaryCall(soon(), probe)
	if err = wanted(err, codes.InvalidArgument); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	if err = sized(stub.UnaryCall(soon(), probe, grpc.UseCompressor(gzip.Name))); err != nil {
		return err
	}
	plain := request()
	plain.ExpectCompressed = &testpb.BoolValue{Value: false}
	return sized(stub.UnaryCall(soon(), plain))
}

func serverCompressed(stub testpb.TestServiceClient) error {
	for _, compressed := range []bool{true, false} {
		one := request()
		one.ResponseCompressed = &testpb.BoolValue{Value: compressed}
		var header metadata.MD
		if err := sized(stub.UnaryCall(soon(), one, grpc.Header(&header))); err != nil {
			return err
		}
	}
	return nil
}

func customMetadata(stub testpb.TestServiceClient) error {
	const initial, trailing = "test_initial_metadata_value", "\x0a\x0b\x0a\x0b\x0a\x0b"
	ctx := metadata.AppendToOutgoingContext(soon(), "x-grpc-test-echo-initial", initial,
		"x-grpc-test-echo-trailing-bin", trailing)
	var header, trailer metadata.MD
	if err := sized(stub.UnaryCall(ctx, request(), grpc.Header(&header), grpc.Trailer(&trailer))); err != nil {
		return err
	}
	first, last := header.Get("x-grpc-test-echo-initial"), trailer.Get("x-grpc-test-echo-trailing-bin")
	if len(first) != 1 || first[0] != initial || len(last) != 1 || last[0] != trailing {
		return fmt.Errorf("seen %v and %v", header, trailer)
	}
	return nil
}

func withStatus(stub testpb.TestServiceClient, code int32, text string) error {
	one := &testpb.SimpleRequest{ResponseStatus: &testpb.EchoStatus{Code: code, Message: text}}
	_, err := stub.UnaryCall(soon(), one)
	if status.Convert(err).Message() != text {
		return fmt.Errorf("seen %v", err)
	}
	return wanted(err, codes.Code(code))
}

func timeout(stub testpb.TestServiceClient) error {
	ctx, end := context.WithTimeout(context.Background(), time.Millisecond)
	defer end()
	one := request()
	one.Payload.Body = make([]byte, 20*requestSize)
	_, err := stub.UnaryCall(ctx, one)
	return wanted(err, codes.DeadlineExceeded)
}

func cancelAfterBegin(stub testpb.TestServiceClient) error {
	ctx, end := context.WithCancel(context.Background())
	defer end()
	stream, err := stub.StreamingInputCall(ctx)
	if err != nil {
		return err
	}
	end()
	_, err = stream.CloseAndRecv()
	return wanted(err, codes.Canceled)
}

// streaming sends no message on a call that needs one: the answer must say so, and must not hang.
func streaming(stub testpb.TestServiceClient) error {
	stream, err := stub.FullDuplexCall(soon())
	if err != nil {
		return err
	}
	_ = stream.CloseSend()
	if _, err = stream.Recv(); status.Code(err) != codes.Unimplemented && status.Code(err) != codes.Internal {
		return fmt.Errorf("seen %v", err)
	}
	return nil
}
