import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/** Our cases with grpc-java on Netty; one line each, "PASS name" or "FAIL name :: what was seen". */
public class Client {
  static final int MEGABYTE = 1 << 20;
  static final String MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \ud83d\ude08\t\n";
  static final MethodDescriptor.Marshaller<byte[]> RAW = new MethodDescriptor.Marshaller<>() {
    public InputStream stream(byte[] value) { return new ByteArrayInputStream(value); }
    public byte[] parse(InputStream stream) {
      try { return stream.readAllBytes(); } catch (java.io.IOException e) { throw new RuntimeException(e); }
    }
  };

  interface Case { void run() throws Exception; }

  final ManagedChannel channel;

  Client(ManagedChannel channel) { this.channel = channel; }

  public static void main(String[] given) throws Exception {
    NettyChannelBuilder plain = NettyChannelBuilder.forTarget(given[0]).usePlaintext();
    NettyChannelBuilder secure = NettyChannelBuilder.forTarget(given[1]).overrideAuthority("models.example")
        .sslContext(GrpcSslContexts.forClient().trustManager(new File(given[2])).build());
    Client one = new Client(plain.maxInboundMessageSize(64 * MEGABYTE).build());
    Client two = new Client(secure.maxInboundMessageSize(64 * MEGABYTE).build());
    report("small", () -> one.echo("hello".getBytes(), options()));
    report("empty", () -> one.echo(new byte[0], options()));
    report("large", () -> one.echo(filled(5 * MEGABYTE), options()));
    report("concurrent", one::concurrent);
    report("deadline", one::deadline);
    report("cancel", one::cancel);
    report("metadata", one::metadata);
    report("status", () -> {
      Status seen = one.status("Fail", ("9 " + MESSAGE).getBytes(StandardCharsets.UTF_8), options());
      check(seen.getCode() == Status.Code.FAILED_PRECONDITION && MESSAGE.equals(seen.getDescription()), seen);
    });
    report("unimplemented", () -> {
      Status seen = one.status("None", new byte[0], options());
      check(seen.getCode() == Status.Code.UNIMPLEMENTED, seen);
    });
    report("gzip", () -> {
      for (int size : new int[] {0, 100, 3 * MEGABYTE}) one.echo(filled(size), options().withCompression("gzip"));
    });
    report("tls", () -> two.echo("hello".getBytes(), options()));
    report("tls_large", () -> two.echo(filled(5 * MEGABYTE), options()));
    report("tls_concurrent", two::concurrent);
    report("drain", one::drain);
    one.channel.shutdownNow();
    two.channel.shutdownNow();
    System.exit(0);
  }

  static void report(String name, Case test) {
    try {
      test.run();
      System.out.println("PASS " + name);
    } catch (Throwable e) {
      System.out.println("FAIL " + name + " :: " + e.toString().replace('\n', ' '));
    }
  }

  static void check(boolean good, Object seen) {
    if (!good) throw new IllegalStateException("seen " + seen);
  }

  static byte[] filled(int size) {
    byte[] data = new byte[size];
    for (int i = 0; i < size; i++) data[i] = (byte) (i * 7 >> 3);
    return data;
  }

  static CallOptions options() { return CallOptions.DEFAULT.withDeadlineAfter(20, TimeUnit.SECONDS); }

  ClientCall<byte[], byte[]> start(io.grpc.Channel on, String method, CallOptions options) {
    return on.newCall(MethodDescriptor.<byte[], byte[]>newBuilder(RAW, RAW)
        .setType(MethodDescriptor.MethodType.UNARY).setFullMethodName("suite.Echo/" + method).build(), options);
  }

  byte[] call(String method, byte[] message, CallOptions options) {
    return ClientCalls.blockingUnaryCall(start(channel, method, options), message);
  }

  Status status(String method, byte[] message, CallOptions options) {
    try {
      call(method, message, options);
      return Status.OK;
    } catch (StatusRuntimeException e) {
      return e.getStatus();
    }
  }

  void echo(byte[] message, CallOptions options) {
    byte[] answer = call("Echo", message, options);
    check(Arrays.equals(answer, message), answer.length + " bytes");
  }

  void concurrent() throws Exception {
    List<Future<byte[]>> open = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      byte[] message = filled(20_000);
      message[0] = (byte) i;
      open.add(ClientCalls.futureUnaryCall(start(channel, "Echo", options()), message));
    }
    for (int i = 0; i < 300; i++) {
      byte[] answer = open.get(i).get();
      check(answer.length == 20_000 && answer[0] == (byte) i, answer.length);
    }
  }

  int cancelled() { return Integer.parseInt(new String(call("Cancelled", new byte[0], options()))); }

  void noticed(int before) throws Exception {
    for (int i = 0; i < 200; i++) {
      if (cancelled() > before) return;
      Thread.sleep(25);
    }
    throw new IllegalStateException("the server goes on with a call that is over");
  }

  void deadline() throws Exception {
    int before = cancelled();
    CallOptions brief = CallOptions.DEFAULT.withDeadlineAfter(100, TimeUnit.MILLISECONDS);
    Status seen = status("Sleep", "30000".getBytes(), brief);
    check(seen.getCode() == Status.Code.DEADLINE_EXCEEDED, seen);
    noticed(before);
  }

  void cancel() throws Exception {
    int before = cancelled();
    Future<byte[]> open = ClientCalls.futureUnaryCall(start(channel, "Sleep", options()), "30000".getBytes());
    Thread.sleep(100);
    check(open.cancel(true), "not cancelled");
    noticed(before);
  }

  void metadata() {
    byte[] binary = filled(256);
    String last = "long value, ".repeat(400).strip();
    Metadata.Key<String> text = Metadata.Key.of("x-echo-text", Metadata.ASCII_STRING_MARSHALLER);
    Metadata.Key<String> wide = Metadata.Key.of("x-echo-long", Metadata.ASCII_STRING_MARSHALLER);
    Metadata.Key<byte[]> raw = Metadata.Key.of("x-echo-raw-bin", Metadata.BINARY_BYTE_MARSHALLER);
    Metadata sent = new Metadata();
    sent.put(text, "plain ~!#");
    sent.put(text, "again");
    sent.put(raw, binary);
    sent.put(wide, last);
    AtomicReference<Metadata> header = new AtomicReference<>(), trailer = new AtomicReference<>();
    io.grpc.Channel watched = ClientInterceptors.intercept(channel,
        MetadataUtils.newAttachHeadersInterceptor(sent), MetadataUtils.newCaptureMetadataInterceptor(header, trailer));
    for (int i = 0; i < 3; i++) {
      ClientCalls.blockingUnaryCall(start(watched, "Echo", options()), "x".getBytes());
      for (Metadata part : List.of(header.get(), trailer.get())) {
        List<String> values = new ArrayList<>();
        Iterable<String> all = part.getAll(text);
        if (all != null) all.forEach(values::add);
        check(values.equals(List.of("plain ~!#", "again")) && Arrays.equals(part.get(raw), binary)
            && last.equals(part.get(wide)), part);
      }
    }
  }

  void drain() throws Exception {
    List<Future<byte[]>> open = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      open.add(ClientCalls.futureUnaryCall(start(channel, "Sleep", options()), "400".getBytes()));
    }
    Thread.sleep(100);
    call("Drain", new byte[0], options());
    for (int i = 0; i < 60; i++) {
      echo("after".getBytes(), options());
      Thread.sleep(10);
    }
    for (Future<byte[]> one : open) one.get();
  }
}
