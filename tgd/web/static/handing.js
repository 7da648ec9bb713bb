// The hand-over test as it happens: each step as the platform knows it, and last what only people
// can compare. Read anew while it is looked at.

import { make, rewrite } from "./dom.js";
import { hour } from "./dates.js";
import { acting, tick } from "./fields.js";
import { link } from "./glance.js";
import { t } from "./texts.js";

const COMPARED = ["label", "imei", "sim", "identity"];

function stepItem({ step, state, at }) {
  const item = make("li", undefined, state);
  item.append(make("b", t("handing", step)), make("span", t("handing_state", state, { at: at ? hour(at) : "" })));
  return item;
}

// What the register has, beside what is to be compared with it.
const known = (phone) => ({
  label: phone.label, imei: phone.imei ?? t("not_in_register"),
  sim: phone.sim.iccid ?? phone.sim.msisdn ?? t("not_in_register"), who: phone.holder.initials ?? phone.holder.label,
});

export class Handing {
  constructor(page, send, done) {
    Object.assign(this, { page, send, done });
    this.box = make("section", undefined, "handing");
    this.list = make("ol", undefined, "plain steps");
    this.list.setAttribute("aria-live", "polite");
  }

  build(phone, assignment) {
    const path = `assignments/${assignment.id}`;
    const parts = [make("h2", t("handing_title")), make("p", t("handing_how"))];
    const print = link(`/parquet/remise/${assignment.id}`, t("form_print"), "button");
    print.target = "_blank";
    if (assignment.status === "preparing") {
      parts.push(acting(this.page, [make("p", t("act_why", "hand_over"))], t("act", "hand_over"), async () => {
        await this.send(`${path}/handover`, {});
        await this.done("hand_over");
      }, "main"));
    }
    const ticks = COMPARED.map((one) => tick(one, t("compare", one, known(phone))));
    const finish = acting(this.page, [make("p", t("compare_why")), ...ticks], t("act", "finish"), async (given) => {
      const said = Object.fromEntries(COMPARED.map((one) => [one, given[one] === "on"]));
      await this.send(`${path}/handover-test`, said);
      await this.done("finish");
    }, "main");
    this.box.replaceChildren(...parts, this.list, finish, print);
    return this.box;
  }

  draw(found) {
    rewrite(this.list, ...found.steps.map(stepItem));
  }
}
