import { describe, expect, it } from "vitest";
import { loadError } from "../../../src/bpf/load-error.ts";
import { VerifierError } from "../../../src/bpf/verifier-error.ts";

const FAILED = "libbpf: prog 'tp_x': BPF program load failed: Permission denied";
const LOG = `libbpf: prog 'tp_x': -- BEGIN PROG LOAD LOG --
0: R1=ctx() R10=fp0
; return ctx->nothing;
0: (61) r0 = *(u32 *)(r1 +1000)
invalid bpf_context access off=1000 size=4
processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
-- END PROG LOAD LOG --`;

describe("a load that failed", () => {
  it("shows the last useful lines of the verifier and keeps all of them", () => {
    const error = loadError("x.o", 13, [
      "libbpf: something else",
      FAILED,
      LOG,
      "libbpf: failed to load object",
    ]);
    expect(error).toBeInstanceOf(VerifierError);
    expect(error.code).toBe("PROGRAM_REJECTED");
    expect(error.message).toBe(
      "the kernel's verifier refuses the program tp_x:\n\t; return ctx->nothing;" +
        "\n\t0: (61) r0 = *(u32 *)(r1 +1000)\n\tinvalid bpf_context access off=1000 size=4",
    );
    expect(error.log).toMatch(/^0: R1=ctx.*\nprocessed 1 insns.*\n$/s);
    expect(error.errno).toBe(13);
  });

  it("names the program where there is no log", () => {
    const error = loadError("x.o", 22, [FAILED]);
    expect(error.message).toBe("the kernel's verifier refuses the program tp_x: EINVAL");
    expect(error.log).toBe(FAILED);
  });

  it("names the capabilities where we may not load", () => {
    const error = loadError("x.o", 1, [
      "libbpf: Error in bpf_object__probe_loading():Operation not permitted(1).",
    ]);
    expect(error).toMatchObject({ code: "CAPABILITY_MISSING", errno: 1 });
    expect(error.hint).toMatch(/CAP_BPF and CAP_NET_ADMIN/);
    expect(loadError("x.o", 1, [FAILED]).code).toBe("CAPABILITY_MISSING");
  });

  it("is an interruption, and no refusal, where the kernel says so", () => {
    const error = loadError("x.o", 11, [FAILED.replace("Permission denied", "Resource unavailable"), LOG]);
    expect(error).not.toBeInstanceOf(VerifierError);
    expect(error).toMatchObject({ code: "SYSCALL_FAILED", errno: 11 });
    expect(error.message).toBe("the kernel was interrupted while it checked the program tp_x: EAGAIN");
    expect(error.hint).toMatch(/try again/);
    expect(loadError("x.o", 11, []).message).toMatch(/checked x\.o: EAGAIN$/);
  });

  it("gives libbpf's own words for anything else", () => {
    const messages = ["libbpf: map 'm': created", "libbpf: map 'm': failed to create: Invalid argument(-22)"];
    const error = loadError("x.o", 22, messages);
    expect(error.message).toBe(
      "cannot load x.o: EINVAL: libbpf: map 'm': failed to create: Invalid argument(-22)",
    );
    expect(loadError("x.o", 12, []).message).toBe("cannot load x.o: ENOMEM: no reason given");
  });
});
