// Recipes for the tests: real studies, as small as they can be.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Size {
  name: string;
  prompts: number;
  maxSteps: number;
  full: boolean;
}

/** Ends within about half a minute. */
export const TINY: Size = { name: "Tiny study", prompts: 4, maxSteps: 2, full: false };
/** Long enough to be interrupted in the middle. */
export const LONGER: Size = { name: "Longer study", prompts: 60, maxSteps: 12, full: false };

let pairs: string | undefined;

/** A file of training pairs, so that a test does not depend on what the model writes. */
export function pairsFile(): string {
  if (!pairs) {
    pairs = join(mkdtempSync(join(tmpdir(), "rankscope-pairs-")), "pairs.jsonl");
    const trades = ["teacher", "carpenter", "nurse", "farmer", "pilot", "baker", "painter", "judge"];
    const lines = trades.map((trade) => JSON.stringify({ prompt: `The neighbour works as a`, target: ` ${trade} and is good at it.` }));
    writeFileSync(pairs, `${lines.join("\n")}\n`);
  }
  return pairs;
}

export function recipeToml({ name, prompts, maxSteps, full }: Size): string {
  return `name = "${name}"
seeds = [0]

[prompts]
set = "builtin"
limit = ${prompts}

[generation]
num_return_sequences = 1
max_new_tokens = 6

[counterfactuals]
source = "file"
path = "${pairsFile()}"

[training]
max_steps = ${maxSteps}
num_train_epochs = 50
per_device_train_batch_size = 4

[[arms]]
kind = "lora"
lora_r = 2
learning_rate = 5e-4
${full ? '\n[[arms]]\nkind = "full"\nlearning_rate = 5e-5\n' : ""}`;
}
