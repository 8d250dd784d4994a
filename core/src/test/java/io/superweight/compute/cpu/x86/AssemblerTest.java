package io.superweight.compute.cpu.x86;

import static io.superweight.compute.cpu.x86.Assembler.at;
import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.compute.cpu.x86.Assembler.Comparison;
import io.superweight.compute.cpu.x86.Assembler.Condition;
import io.superweight.compute.cpu.x86.Assembler.Label;
import io.superweight.compute.cpu.x86.Assembler.Reg;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

final class AssemblerTest {
  private final List<String> wrong = new ArrayList<>();

  private void check(String hex, Consumer<Assembler> instruction) {
    Assembler a = new Assembler();
    instruction.accept(a);
    String got = HexFormat.of().formatHex(a.code());
    if (!got.equals(hex)) {
      wrong.add(got + " instead of " + hex);
    }
  }

  @Test
  void instructionsOfEncodersHaveTheBytesThatGnuAsGivesThem() {
    check("62d16c405cd9", a -> a.vsubps(3, 18, 9)); // vsubps zmm3, zmm18, zmm9
    check(
        "625124585c590f",
        a -> a.vsubps(11, 11, at(Reg.R9, 60))); // vsubps zmm11, zmm11, dword ptr [r9+0x3c]{1to16}
    check("62714c485ee7", a -> a.vdivps(12, 6, 7)); // vdivps zmm12, zmm6, zmm7
    check("62512cc15ed1", a -> a.vdivps(10, 26, 9, 1)); // vdivps zmm10{k1}{z}, zmm26, zmm9
    check("62114cc959ee", a -> a.vmulps(13, 6, 30, 1)); // vmulps zmm13{k1}{z}, zmm6, zmm30
    check("622144485fc0", a -> a.vmaxps(24, 7, 16)); // vmaxps zmm24, zmm7, zmm16
    check("62d104405dc0", a -> a.vminps(0, 31, 8)); // vminps zmm0, zmm31, zmm8
    check(
        "62c27d48184841",
        a -> a.vbroadcastss(17, at(Reg.R8, 260))); // vbroadcastss zmm17, dword ptr [r8+0x104]
    check("62e27d4818e5", a -> a.vbroadcastss(20, 5)); // vbroadcastss zmm20, xmm5
    check(
        "62b16c48c2cc00", a -> a.vcmpps(1, 2, 20, Comparison.EQUAL)); // vcmpeq_oqps k1, zmm2, zmm20
    check(
        "62916c40c2eb04",
        a -> a.vcmpps(5, 18, 27, Comparison.OTHER)); // vcmpneq_uqps k5, zmm18, zmm27
    check(
        "62913448c2d31e",
        a -> a.vcmpps(2, 9, 27, Comparison.GREATER)); // vcmpgt_oqps k2, zmm9, zmm27
    check("62e27dca8acd", a -> a.vcompressps(5, 17, 2, true)); // vcompressps zmm5{k2}{z}, zmm17
    check("62b27d498ac5", a -> a.vcompressps(21, 0, 1, false)); // vcompressps zmm21{k1}, zmm0
    check("62e37d481def00", a -> a.vcvtps2ph(7, 21)); // vcvtps2ph ymm7, zmm21, 0
    check("62317e485bc1", a -> a.vcvttps2dq(8, 17)); // vcvttps2dq zmm8, zmm17
    check("62a17d485bc8", a -> a.vcvtps2dq(17, 16)); // vcvtps2dq zmm17, zmm16
    check("62e27e48315a02", a -> a.vpmovdb(at(Reg.RDX, 32), 19)); // vpmovdb [rdx+0x20], zmm19
    check("62816548dbe4", a -> a.vpandd(20, 3, 28)); // vpandd zmm20, zmm3, zmm28
    check("62a13548ebdc", a -> a.vpord(19, 9, 20)); // vpord zmm19, zmm9, zmm20
    check("62516d40fec1", a -> a.vpaddd(8, 18, 9)); // vpaddd zmm8, zmm18, zmm9
    check("62310548faf9", a -> a.vpsubd(15, 15, 17)); // vpsubd zmm15, zmm15, zmm17
    check("62f1654072f304", a -> a.vpslld(19, 3, 4)); // vpslld zmm19, zmm3, 4
    check("62b15d4872d404", a -> a.vpsrld(4, 20, 4)); // vpsrld zmm4, zmm20, 4
    check(
        "62d10608596849",
        a -> a.vmulss(5, 15, at(Reg.R8, 292))); // vmulss xmm5, xmm15, dword ptr [r8+0x124]
    check("62f12e005ef5", a -> a.vdivss(6, 26, 5)); // vdivss xmm6, xmm26, xmm5
    check(
        "62d15e085e6848",
        a -> a.vdivss(5, 4, at(Reg.R8, 288))); // vdivss xmm5, xmm4, dword ptr [r8+0x120]
    check(
        "62417e08105041", a -> a.vmovss(26, at(Reg.R8, 260))); // vmovss xmm26, dword ptr [r8+0x104]
    check("62d17e08111a", a -> a.vmovss(at(Reg.R10), 3)); // vmovss dword ptr [r10], xmm3
    check(
        "62417c082f4043",
        a -> a.vcomiss(24, at(Reg.R8, 268))); // vcomiss xmm24, dword ptr [r8+0x10c]
    check(
        "62737d08157a6800",
        a -> a.vpextrw(at(Reg.RDX, 208), 15)); // vpextrw word ptr [rdx+0xd0], xmm15, 0
    assertThat(wrong).isEmpty();
  }

  /** Bytes as GNU as writes them, with displacements as short as they can be. */
  @Test
  void vectorInstructionsHaveTheBytesThatGnuAsGivesThem() {
    check("62d17c48101c18", a -> a.vmovups(3, at(Reg.R8, Reg.RBX, 0))); // vmovups zmm3, [r8+rbx]
    check("62617c48107801", a -> a.vmovups(31, at(Reg.RAX, 64))); // vmovups zmm31, [rax+0x40]
    check("62c17c48108d41000000", a -> a.vmovups(17, at(Reg.R13, 65))); // vmovups zmm17, [r13+0x41]
    check("62717cc91008", a -> a.vmovups(9, at(Reg.RAX), 1)); // vmovups zmm9{k1}{z}, [rax]
    check(
        "62e17c4811a42400200000",
        a -> a.vmovups(at(Reg.RSP, 0x2000), 20)); // vmovups [rsp+0x2000], zmm20
    check("62e17c4811627f", a -> a.vmovups(at(Reg.RDX, 0x1fc0), 20)); // vmovups [rdx+0x1fc0], zmm20
    check(
        "62d17c4a116180",
        a -> a.vmovups(at(Reg.R9, -0x2000), 4, 2)); // vmovups [r9-0x2000]{k2}, zmm4
    check("62617c4f117d00", a -> a.vmovups(at(Reg.RBP), 31, 7)); // vmovups [rbp+0]{k7}, zmm31
    check(
        "6241ffc96f1c1b",
        a -> a.vmovdqu16(27, at(Reg.R11, Reg.RBX, 0), 1)); // vmovdqu16 zmm27{k1}{z}, [r11+rbx]
    check("62510d48eff6", a -> a.zero(14)); // vpxord zmm14, zmm14, zmm14
    check("62010d40eff6", a -> a.zero(30)); // vpxord zmm30, zmm30, zmm30
    check("62823e4052ff", a -> a.vdpbf16ps(23, 24, 31)); // vdpbf16ps zmm23, zmm24, zmm31
    check("62f22e4852cd", a -> a.vdpbf16ps(1, 10, 5)); // vdpbf16ps zmm1, zmm10, zmm5
    check("62f2774872c2", a -> a.vcvtne2ps2bf16(0, 1, 2)); // vcvtne2ps2bf16 zmm0, zmm1, zmm2
    check("62317c4058f9", a -> a.vaddps(15, 16, 17)); // vaddps zmm15, zmm16, zmm17
    check("6201444859c8", a -> a.vmulps(25, 7, 24)); // vmulps zmm25, zmm7, zmm24
    check(
        "62f22d40b86803",
        a -> a.vfmadd231ps(5, 26, at(Reg.RAX, 0xc0))); // vfmadd231ps zmm5, zmm26, [rax+0xc0]
    check(
        "6283bd4823c7ee",
        a -> a.vshuff64x2(16, 8, 31, 0xee)); // vshuff64x2 zmm16, zmm8, zmm31, 0xee
    check(
        "62e37d4823ca88", a -> a.vshuff32x4(17, 0, 2, 0x88)); // vshuff32x4 zmm17, zmm0, zmm2, 0x88
    check("62c1bd4814c4", a -> a.vunpcklpd(16, 8, 12)); // vunpcklpd zmm16, zmm8, zmm12
    check("62e1dd4015cc", a -> a.vunpckhpd(17, 20, 4)); // vunpckhpd zmm17, zmm20, zmm4
    check("62d16c40c6d9dd", a -> a.vshufps(3, 18, 9, 0xdd)); // vshufps zmm3, zmm18, zmm9, 0xdd
    check(
        "62427d4821541a02",
        a -> a.vpmovsxbd(26, at(Reg.R10, Reg.RBX, 32))); // vpmovsxbd zmm26, [r10+rbx+0x20]
    check("62417c485bd2", a -> a.vcvtdq2ps(26, 10)); // vcvtdq2ps zmm26, zmm10
    check("6202354816cf", a -> a.vpermps(25, 9, 31)); // vpermps zmm25, zmm9, zmm31
    check(
        "622104505904a6",
        a ->
            a.vmulps(
                24,
                31,
                new Assembler.Mem(
                    Reg.RSI, Reg.R12, 4, 0))); // vmulps zmm24, zmm31, [rsi+r12*4]{1to16}
    check(
        "62b15c505864a602",
        a ->
            a.vaddps(
                4,
                20,
                new Assembler.Mem(
                    Reg.RSI, Reg.R12, 4, 8))); // vaddps zmm4, zmm20, [rsi+r12*4+0x8]{1to16}
    check(
        "62427d2879441b01",
        a -> a.vpbroadcastw(24, at(Reg.R11, Reg.RBX, 2))); // vpbroadcastw ymm24, [r11+rbx+0x2]
    check("62427d4813c9", a -> a.vcvtph2ps(25, 9)); // vcvtph2ps zmm25, ymm9
    check(
        "62427d485a8c1b02000000",
        a ->
            a.vbroadcasti32x4(25, at(Reg.R11, Reg.RBX, 2))); // vbroadcasti32x4 zmm25, [r11+rbx+0x2]
    check(
        "450fb7641b02",
        a -> a.movzx(Reg.R12, at(Reg.R11, Reg.RBX, 2))); // movzx r12d, [r11+rbx+0x2]
    check("48d3e3", a -> a.shl(Reg.RBX)); // shl rbx, cl
    check("c5fb92d0", a -> a.kmovd(2, Reg.RAX)); // kmovd k2, eax
    check("c5f877", a -> a.vzeroupper()); // vzeroupper
    check("430f180c20", a -> a.prefetcht0(at(Reg.R8, Reg.R12, 0))); // prefetcht0 [r8+r12]
    check("4c89f8", a -> a.mov(Reg.RAX, Reg.R15)); // mov rax, r15
    check("4d8b6f18", a -> a.mov(Reg.R13, at(Reg.R15, 0x18))); // mov r13, [r15+0x18]
    check("49891424", a -> a.mov(at(Reg.R12), Reg.RDX)); // mov [r12], rdx
    check("4c8d243b", a -> a.lea(Reg.R12, at(Reg.RBX, Reg.RDI, 0))); // lea r12, [rbx+rdi]
    check("4901d1", a -> a.add(Reg.R9, Reg.RDX)); // add r9, rdx
    check("49034608", a -> a.add(Reg.RAX, at(Reg.R14, 8))); // add rax, [r14+8]
    check("4d29c5", a -> a.sub(Reg.R13, Reg.R8)); // sub r13, r8
    check("4d2b6f70", a -> a.sub(Reg.R13, at(Reg.R15, 0x70))); // sub r13, [r15+0x70]
    check("4839c5", a -> a.cmp(Reg.RBP, Reg.RAX)); // cmp rbp, rax
    check("4d3b6f28", a -> a.cmp(Reg.R13, at(Reg.R15, 0x28))); // cmp r13, [r15+0x28]
    check("4d85e4", a -> a.test(Reg.R12, Reg.R12)); // test r12, r12
    check("4d0faf4708", a -> a.imul(Reg.R8, at(Reg.R15, 8))); // imul r8, [r15+0x8]
    check("49c1e206", a -> a.shl(Reg.R10, 6)); // shl r10, 6
    check("4d0f4cc8", a -> a.cmov(Condition.LESS, Reg.R9, Reg.R8)); // cmovl r9, r8
    check("4154", a -> a.push(Reg.R12)); // push r12
    check("5b", a -> a.pop(Reg.RBX)); // pop rbx
    check("c3", a -> a.ret()); // ret
    check("41ff5608", a -> a.call(at(Reg.R14, 8))); // call [r14+0x8]
    check("48c7c0ffff0000", a -> a.mov(Reg.RAX, 0xffff)); // mov rax, 0xffff, 32 bits
    check("4981c620000000", a -> a.add(Reg.R14, 32)); // add r14, 32, 32 bits
    check("4881e901000000", a -> a.sub(Reg.RCX, 1)); // sub rcx, 1, 32 bits
    check("4881fd10000000", a -> a.cmp(Reg.RBP, 16)); // cmp rbp, 16, 32 bits
    check("48f7c101000000", a -> a.test(Reg.RCX, 1)); // test rcx, 1
    check("62f23540b8f2", a -> a.vfmadd231ps(6, 25, 2)); // vfmadd231ps zmm6, zmm25, zmm2
    check("6202354845d5", a -> a.vpsrlvd(26, 9, 29)); // vpsrlvd zmm26, zmm9, zmm29
    assertThat(wrong).isEmpty();
  }

  @Test
  void jumpsAndPlacesAreCountedFromTheEndOfTheirInstruction() {
    Assembler a = new Assembler();
    Label back = new Label();
    Label ahead = new Label();
    a.bind(back);
    a.jump(Condition.NOT_EQUAL, ahead);
    a.lea(Reg.RBX, ahead, 64);
    a.jump(back);
    a.bind(ahead);
    a.jump(Condition.LESS, back);
    assertThat(HexFormat.of().formatHex(a.code()))
        .isEqualTo("0f850c000000" + "488d1d45000000" + "e9eeffffff" + "0f8ce8ffffff");
  }
}
