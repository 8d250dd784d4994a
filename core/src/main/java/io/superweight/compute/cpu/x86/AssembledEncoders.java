package io.superweight.compute.cpu.x86;

import io.superweight.tensor.BlockEncoder;
import io.superweight.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Objects;
import java.util.Optional;

/**
 * Encoders by {@link EncoderCode}: as {@link BlockEncoder}'s to the byte, as fast at the first
 * block as at the last. Java's vectors are that once the JVM has compiled the loops, which takes as
 * long as half a gigabyte of weights.
 */
public final class AssembledEncoders implements AutoCloseable {
  private static final FunctionDescriptor ROUTINE =
      FunctionDescriptor.of(
          ValueLayout.JAVA_LONG,
          ValueLayout.ADDRESS,
          ValueLayout.JAVA_LONG,
          ValueLayout.ADDRESS,
          ValueLayout.ADDRESS);

  private final EncoderCode code;
  private final ExecutableMemory memory;
  private final MethodHandle routine;

  @SuppressWarnings("restricted") // ofThisMachine() has checked it
  private AssembledEncoders(EncoderCode code, ExecutableMemory memory) {
    this.code = code;
    this.memory = memory;
    Linker linker = Linker.nativeLinker();
    // The elements lie in Java's heap. A row takes microseconds.
    this.routine = linker.downcallHandle(ROUTINE, Linker.Option.critical(true));
  }

  /**
   * Those of this machine; none where its processor lacks the instructions, the system refuses
   * memory for code, native access is not enabled or {@link AssembledProduct#PROPERTY} says so.
   */
  public static Optional<AssembledEncoders> ofThisMachine() {
    if (!AssembledEncoders.class.getModule().isNativeAccessEnabled()
        || !Boolean.parseBoolean(System.getProperty(AssembledProduct.PROPERTY, "true"))
        || !Processor.ofThisMachine().wide()) {
      return Optional.empty();
    }
    EncoderCode code = new EncoderCode();
    return ExecutableMemory.of(code.bytes()).map(memory -> new AssembledEncoders(code, memory));
  }

  /** Whether there is one for a type. */
  public boolean knows(DType dtype) {
    return code.stores(dtype);
  }

  /** A new one, for one thread; these must be open as long as it is used. */
  public Encoder encoder(DType dtype) {
    return new Encoder(dtype);
  }

  /** Gives the memory back; no encoder may run any more. */
  @Override
  public void close() {
    memory.close();
  }

  /** One thread's. */
  public final class Encoder {
    private final DType dtype;
    private final BlockEncoder plain;
    private final MethodHandle call;
    private final MemorySegment scratch = Arena.ofAuto().allocate(EncoderCode.SCRATCH, 64);

    private Encoder(DType dtype) {
      this.dtype = dtype;
      this.plain = new BlockEncoder(dtype);
      this.call = routine.bindTo(MemorySegment.ofAddress(memory.address() + code.routineOf(dtype)));
    }

    /** {@link BlockEncoder#encode}, of finite values. */
    public void encode(float[] values, int from, int count, MemorySegment out, long at) {
      Objects.checkFromIndexSize(from, count, values.length);
      Objects.checkFromIndexSize(at, dtype.bytes(count), out.byteSize());
      MemorySegment elements = MemorySegment.ofArray(values);
      int size = dtype.blockElements();
      long left = count / size;
      while (left > 0) {
        int done = count - Math.toIntExact(left) * size;
        left =
            call(elements.asSlice(4L * (from + done)), left, out.asSlice(at + dtype.bytes(done)));
        if (left > 0) { // one that is Java's
          done = count - Math.toIntExact(left) * size;
          plain.encode(values, from + done, size, out, at + dtype.bytes(done));
          left--;
        }
      }
    }

    private long call(MemorySegment elements, long blocks, MemorySegment out) {
      try {
        return (long) call.invokeExact(elements, blocks, out, scratch);
      } catch (RuntimeException | Error e) {
        throw e;
      } catch (Throwable t) {
        throw new IllegalStateException(t);
      }
    }
  }
}
